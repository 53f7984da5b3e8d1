import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

/// What a log should hold, kept as a plain list of batches.
struct LogModel {
    struct Batch: Hashable {
        var baseOffset: Int64
        var values: [String]
        var producer = ProducerIdentity.none
        var sequence: Int32 = -1
        var isTransactional = false
        /// Nil for data.
        var marker: TransactionResult?

        var lastOffset: Int64 { baseOffset + Int64(values.count) - 1 }
        var nextOffset: Int64 { lastOffset + 1 }
        var records: [TestRecord] {
            values.enumerated().map { index, value in
                TestRecord(
                    offset: baseOffset + Int64(index),
                    value: value,
                    timestamp: 0,
                    isControl: marker != nil
                )
            }
        }
    }

    var batches: [Batch] = []
    var start: Int64 = 0
    var end: Int64 = 0

    mutating func append(_ batch: TestBatch) {
        batches.append(
            Batch(
                baseOffset: end,
                values: batch.values,
                producer: batch.producer,
                sequence: batch.sequence,
                isTransactional: batch.isTransactional
            )
        )
        end += Int64(batch.values.count)
    }

    mutating func append(_ marker: TransactionResult, _ producer: ProducerIdentity) {
        batches.append(
            Batch(
                baseOffset: end,
                values: [marker == .commit ? "COMMIT" : "ABORT"],
                producer: producer,
                isTransactional: true,
                marker: marker
            )
        )
        end += 1
    }

    /// What the log was when it ended at `offset`.
    func prefix(upTo offset: Int64) -> LogModel {
        var copy = self
        copy.batches.removeAll { $0.lastOffset >= offset }
        copy.end = offset
        return copy
    }

    /// Where transactions that are still open began, by producer.
    var open: [Int64: Int64] {
        var open: [Int64: Int64] = [:]
        for batch in batches where batch.isTransactional {
            if batch.marker != nil {
                open[batch.producer.id] = nil
            } else if open[batch.producer.id] == nil {
                open[batch.producer.id] = batch.baseOffset
            }
        }
        return open
    }

    var lastStableOffset: Int64 { min(max(open.values.min() ?? end, start), end) }

    /// The epoch, and the sequence number that comes next; nil if nothing of the producer is stored.
    func state(of id: Int64) -> (epoch: Int16, next: Int32, last: Batch?)? {
        var state: (epoch: Int16, next: Int32, last: Batch?)?
        for batch in batches where batch.producer.id == id {
            let epoch = batch.producer.epoch
            if batch.marker != nil {
                if state?.epoch != epoch { state = (epoch, 0, nil) }
            } else {
                state = (epoch, batch.sequence + Int32(batch.values.count), batch)
            }
        }
        return state
    }

    func records(from offset: Int64, upTo limit: Int64) -> [TestRecord] {
        batches.flatMap(\.records).filter { $0.offset >= offset && $0.offset < limit }
    }

    /// What a reader of committed data gets, without control records.
    func committed(from offset: Int64) -> [TestRecord] {
        var undecided: [Int64: [Batch]] = [:]
        var committed: [TestRecord] = []
        // A marker beyond the last stable offset decides about records before it all the same.
        for batch in batches {
            switch batch.marker {
            case nil where batch.isTransactional: undecided[batch.producer.id, default: []].append(batch)
            case nil: committed += batch.records
            case .commit: committed += (undecided.removeValue(forKey: batch.producer.id) ?? []).flatMap(\.records)
            case .abort: undecided[batch.producer.id] = nil
            }
        }
        return committed.filter { $0.offset >= offset && $0.offset < lastStableOffset }.sorted { $0.offset < $1.offset }
    }
}

extension TestRecord {
    /// For comparison with a model, which keeps no times.
    var timeless: TestRecord {
        var copy = self
        copy.timestamp = 0
        return copy
    }
}
