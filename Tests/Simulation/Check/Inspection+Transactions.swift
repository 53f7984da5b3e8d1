import MillraceLogEngine
import MillracePrimitives

extension Inspection {
    /// All parts of a transaction have ended in the same way, the one that its owner was told.
    func checkTransactions(_ model: inout Model) {
        for transaction in model.transactions {
            let parts = transaction.batches.compactMap { number in found[number].map { (number, $0) } }
            let committed = parts.filter { $0.1.decision == .commit }.map(\.0)
            let aborted = parts.filter { $0.1.decision == .abort }.map(\.0)
            let undecided = parts.filter { $0.1.decision == nil }.map(\.0)
            func list(_ numbers: [Int]) -> String {
                numbers.map { "batch \($0) in \(model.batches[$0].partition)" }.joined(separator: ", ")
            }
            let name = "transaction \(transaction.number) of \(transaction.transactionalId)"
            if !committed.isEmpty, !aborted.isEmpty {
                model.violate(.atomic, "\(name) has committed \(list(committed)), and aborted \(list(aborted))")
            }
            if isComplete, !committed.isEmpty, !undecided.isEmpty {
                model.violate(.atomic, "\(name) has committed \(list(committed)), and left open \(list(undecided))")
            }
            switch transaction.fate {
            case .open, .aborted:
                if !committed.isEmpty {
                    model.violate(
                        .isolated,
                        "\(name) shows \(list(committed)), though it "
                            + (transaction.fate == .open
                                ? "never asked for a commit" : "was aborted, or its owner replaced")
                    )
                }
                if transaction.fate == .aborted, isComplete, !undecided.isEmpty {
                    model.violate(.live, "\(name) was aborted, but no marker ends \(list(undecided))")
                }
            case .committed:
                if !aborted.isEmpty {
                    model.violate(.atomic, "\(name) was reported committed, but \(list(aborted)) is aborted")
                }
                if isComplete, !undecided.isEmpty {
                    model.violate(.atomic, "\(name) was reported committed, but no marker ends \(list(undecided))")
                }
            case .inDoubt:
                break
            }
            if !committed.isEmpty { model.decided(transaction.number, isCommitted: true) }
            if !aborted.isEmpty { model.decided(transaction.number, isCommitted: false) }
        }
    }

    /// Groups have the positions that their transactions and members committed.
    func checkPositions(_ model: inout Model) {
        for transactionalId in ["owner-0", "owner-1"] {
            let group = Place.group(of: transactionalId)
            let position = broker.groups.committedOffsets(of: group)[Place.inputs[0]]?.offset
            let possible = model.possiblePositions(of: transactionalId)
            if possible.contains(position) {
                if let position { model.decided(Int(position), isCommitted: true) }
            } else if isComplete {
                model.violate(
                    .atomic,
                    "group \(group) is at position \(text(position)), and the transactions of \(transactionalId) say "
                        + possible.map(text).sorted().joined(separator: " or ")
                )
            } else if let position {
                let transaction = model.transactions[Int(position)]
                if transaction.fate == .open || transaction.fate == .aborted {
                    model.violate(
                        .isolated,
                        "group \(group) is at the position of transaction \(position), which never committed"
                    )
                }
            }
        }
        let committed = broker.groups.committedOffsets(of: Place.readers)
        for partition in Place.outputs {
            let position = committed[partition]?.offset
            let possible = model.positions[partition] ?? [nil]
            if !possible.contains(position) {
                model.violate(
                    .durable,
                    "group \(Place.readers) is at position \(text(position)) of \(partition), not at "
                        + possible.map(text).sorted().joined(separator: " or ")
                )
            }
            // What is shown before may not be durable yet.
            if moment == .recovered { model.settle(position: position, of: partition) }
            checkReach(position, partition, Place.readers, &model)
        }
    }

    /// Each input record before the workers' position has led to one visible output, and none after it.
    func checkCopies(_ model: inout Model) {
        var copies: [RecordPlace: [Int]] = [:]
        for partition in Place.outputs {
            var last: [TopicPartition: Int64] = [:]
            for stored in images[partition]?.batches ?? [] where stored.isVisible {
                guard let number = stored.number, model.batches.indices.contains(number),
                    let origin = model.batches[number].origin
                else { continue }
                copies[origin.place, default: []].append(number)
                if let previous = last[origin.place.partition], previous > origin.place.offset {
                    model.violate(
                        .ordered,
                        "\(partition) shows the output of \(origin.place) after that of offset \(previous)"
                    )
                }
                last[origin.place.partition] = origin.place.offset
            }
        }
        for (place, numbers) in copies.sorted(by: { $0.key < $1.key }) where numbers.count > 1 {
            model.violate(.atomic, "the input record \(place) was processed twice: batches \(numbers) are visible")
        }
        let committed = broker.groups.committedOffsets(of: Place.workers)
        for partition in Place.inputs {
            checkCopies(of: partition, upTo: committed[partition]?.offset, copies, &model)
            checkReach(committed[partition]?.offset, partition, Place.workers, &model)
        }
    }

    private func checkCopies(
        of partition: TopicPartition,
        upTo position: Int64?,
        _ copies: [RecordPlace: [Int]],
        _ model: inout Model
    ) {
        guard let image = images[partition] else { return }
        var values: [Int64: String] = [:]
        for stored in image.batches where stored.isVisible {
            for record in stored.records { values[record.offset] = record.value }
        }
        for (offset, value) in values.sorted(by: { $0.key < $1.key }) where offset < position ?? 0 {
            guard let copy = copies[RecordPlace(partition: partition, offset: offset)]?.first else {
                model.violate(
                    .atomic,
                    "the workers are at position \(text(position)) of \(partition), but no output of offset \(offset) is "
                        + "visible"
                )
                return
            }
            if let origin = model.batches[copy].origin, origin.value != value {
                model.violate(
                    .durable,
                    "batch \(copy) was made from \(origin.value), but \(origin.place) holds \(value)"
                )
            }
        }
        guard isComplete else { return }
        for (place, numbers) in copies.sorted(by: { $0.key < $1.key })
        where place.partition == partition && place.offset >= position ?? 0 {
            model.violate(
                .atomic,
                "batch \(numbers[0]) made from \(place) is visible, but the workers are at position \(text(position))"
            )
        }
    }

    private func checkReach(_ position: Int64?, _ partition: TopicPartition, _ group: String, _ model: inout Model) {
        guard let position, let end = images[partition]?.endOffset, position > end else { return }
        model.violate(.durable, "group \(group) is at position \(position) of \(partition), beyond its end \(end)")
    }

    private func text(_ offset: Int64?) -> String { offset.map { "\($0)" } ?? "none" }
}
