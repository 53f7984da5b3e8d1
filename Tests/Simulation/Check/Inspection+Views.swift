import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

extension Inspection {
    /// Readers of both isolation levels get what the files say that they get, up to where they say.
    func checkViews(_ model: inout Model) throws {
        // The page cache may hold what a failed write could not take back.
        guard isComplete else { return checkCommittedView(try view(.readCommitted), &model) }
        let committed = try view(.readCommitted)
        let all = try view(.readUncommitted)
        for partition in Place.all {
            guard let image = images[partition] else { continue }
            let log = try broker.partition(partition).log
            if log.lastStableOffset != image.stableOffset {
                model.violate(
                    .isolated,
                    "the last stable offset of \(partition) is \(log.lastStableOffset), but the first undecided record, or "
                        + "the end, is at \(image.stableOffset)"
                )
            }
            if log.logEndOffset != image.endOffset {
                model.violate(.ordered, "\(partition) ends at \(log.logEndOffset), its files at \(image.endOffset)")
            }
            compare(committed[partition] ?? [], image.records(committedOnly: true), "committed", partition, &model)
            compare(all[partition] ?? [], image.records(committedOnly: false), "all", partition, &model)
        }
        checkCommittedView(committed, &model)
    }

    /// Nothing of a transaction that did not commit.
    private func checkCommittedView(_ view: [TopicPartition: [SeenRecord]], _ model: inout Model) {
        for partition in Place.all {
            for record in view[partition] ?? [] { model.saw(record, in: partition) }
        }
    }

    private func compare(
        _ seen: [SeenRecord],
        _ expected: [LogImage.StoredRecord],
        _ what: String,
        _ partition: TopicPartition,
        _ model: inout Model
    ) {
        let invariant: Violation.Invariant = what == "all" ? .ordered : .isolated
        for index in 0..<max(seen.count, expected.count) {
            let got = index < seen.count ? seen[index] : nil
            let wanted = index < expected.count ? expected[index] : nil
            if got?.offset == wanted?.offset, got?.value == wanted?.value { continue }
            let expectation = wanted.map { "record \($0.value) at \($0.offset)" } ?? "nothing more"
            let reality = got.map { "record \($0.value) at \($0.offset)" } ?? "nothing more"
            model.violate(
                invariant,
                "a reader of \(what) data of \(partition) gets \(reality), where the files have \(expectation)"
            )
            return
        }
    }

    private func view(_ isolation: IsolationLevel) throws -> [TopicPartition: [SeenRecord]] {
        var settings = ConsumerSettings()
        settings.isolation = isolation
        let consumer = try broker.connectConsumer(settings)
        defer { consumer.close() }
        try consumer.assign(Place.all)
        var records: [TopicPartition: [SeenRecord]] = [:]
        let ends = try consumer.endOffsets(of: Place.all)
        // Each poll moves at least one partition on.
        for _ in 0..<1_000 {
            let fetched = try consumer.poll(timeout: .zero)
            for part in fetched { records[part.partition, default: []] += try SeenRecord.all(in: part) }
            let isDone = try Place.all.allSatisfy { try consumer.position(of: $0) >= ends[$0] ?? 0 }
            if isDone { return records }
        }
        return records
    }
}

/// A record that a consumer got.
struct SeenRecord: Hashable {
    var offset: Int64
    var value: String

    static func all(in fetched: FetchedRecords) throws -> [SeenRecord] {
        var records: [SeenRecord] = []
        try fetched.withEach { view in
            let identity = try RecordHeaders(decoding: view.headers).first?.name
            let value = identity ?? view.value.map { String(decoding: $0, as: UTF8.self) } ?? ""
            records.append(SeenRecord(offset: view.offset, value: value))
        }
        return records
    }

    /// The number of the model's batch that it is from.
    var batch: Int? { value.firstIndex(of: ".").flatMap { Int(value[..<$0]) } }
}

extension Model {
    /// A reader of committed data got a record: its transaction has committed, and that can never be taken back.
    mutating func saw(_ record: SeenRecord, in partition: TopicPartition) {
        guard let number = record.batch, batches.indices.contains(number), let index = batches[number].transaction
        else { return }
        switch transactions[index].fate {
        case .open, .aborted:
            violate(
                .isolated,
                "a reader of committed data got \(record.value) at \(partition):\(record.offset) of transaction \(index), "
                    + "which did not commit"
            )
        case .inDoubt: decided(index, isCommitted: true)
        case .committed: break
        }
    }
}
