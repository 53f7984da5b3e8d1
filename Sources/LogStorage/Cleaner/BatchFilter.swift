import MillracePrimitives
import MillraceRecordFormat

/// What is to be kept of a producer that is still known, so that recovery knows it too (LE-84).
enum LastOfProducer: Hashable, Sendable {
    /// Its last batch of data, by last offset.
    case data(lastOffset: Int64)
    /// It has written nothing with its epoch: the marker that brought it the epoch.
    case marker(epoch: Int16)
}

/// Decides batch by batch what compaction keeps, and makes the bytes of what is kept.
struct BatchFilter: ~Copyable {
    /// What the decisions depend on.
    struct Rules {
        /// The last offset of each key before `keysEnd`.
        let keys: KeyOffsetMap
        /// From this offset on records are kept, whatever their key.
        let keysEnd: Int64
        /// From this offset on batches are kept as they are. The batch that ends here is kept, without records if need
        /// be, so that a reader of the end gets there.
        let end: Int64
        let now: Int64
        /// How long tombstones and markers outlive the pass that finds them.
        let deleteRetentionMs: Int64
        let lastOfProducers: [Int64: LastOfProducer]
        /// `DeliberateFaults.dropMarkers`.
        var dropsMarkers = false
    }

    private let rules: Rules
    private var transactions: CleanedTransactions
    private var rewriter = RecordBatchRewriter()
    /// Which records of the current batch are kept; reused.
    private var choices: [Bool] = []
    /// Whether anything was left out or stamped since it was last asked.
    private var hasChanged = false

    init(_ rules: Rules, _ transactions: CleanedTransactions) {
        self.rules = rules
        self.transactions = transactions
    }

    /// The bytes of a batch that stay, valid until the next call and as long as the batch's own are; nil if none do.
    /// The batches come in the order of the log, from its first on.
    mutating func filter(
        _ batch: RecordBatch,
        _ decompressor: inout Decompressor
    ) throws(RecordFormatError) -> UnsafeRawBufferPointer? {
        let header = batch.header
        guard header.nextOffset <= rules.end else { return batch.bytes }
        if header.attributes.isControl { return try filterControl(batch) }
        if transactions.readData(header) || header.recordCount == 0 { return emptied(batch) }
        let remainder = try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) in
            try choose(header, records)
        }
        switch remainder {
        case .everything: return batch.bytes
        case .nothing: return emptied(batch)
        case .some(let bytes):
            hasChanged = true
            return bytes
        }
    }

    /// Whether what was filtered since the last call differs from what was read, and the aborted transactions of which
    /// something is left.
    mutating func takeOutcome() -> (hasChanged: Bool, aborted: [AbortedTransaction]) {
        defer { hasChanged = false }
        return (hasChanged, transactions.takeKept())
    }

    private mutating func filterControl(_ batch: RecordBatch) throws(RecordFormatError) -> UnsafeRawBufferPointer? {
        let header = batch.header
        if header.recordCount == 0 { return emptied(batch) }
        // Other control records than markers are none of a cleaner's business.
        guard let marker = try batch.endTransactionMarker() else { return batch.bytes }
        let isNeeded = !transactions.readMarker(marker, header)
        if rules.dropsMarkers { return emptied(batch) }
        if isNeeded { return batch.bytes }
        guard let horizon = header.deleteHorizonMs else {
            hasChanged = true
            rewriter.begin(header, baseTimestamp: deleteHorizon)
            var cursor = RecordCursor(header, records: batch.recordBytes)
            while let record = try cursor.next() { rewriter.append(record) }
            return try rewriter.finish(header, hasDeleteHorizon: true)
        }
        // Kept with its record, where Kafka keeps the header alone: recovery learns the epoch, which fences older owners,
        // from the marker.
        if rules.lastOfProducers[header.producer.id] == .marker(epoch: header.producer.epoch) { return batch.bytes }
        return horizon <= rules.now ? emptied(batch) : batch.bytes
    }

    /// A batch of which no record stays: nothing, or its header alone.
    private mutating func emptied(_ batch: RecordBatch) -> UnsafeRawBufferPointer? {
        let header = batch.header
        let isLastOfProducer =
            header.producer.id >= 0 && !header.attributes.isControl
            && rules.lastOfProducers[header.producer.id] == .data(lastOffset: header.lastOffset)
        guard isLastOfProducer || header.nextOffset == rules.end else {
            hasChanged = true
            return nil
        }
        if header.recordCount == 0 { return batch.bytes }
        hasChanged = true
        return rewriter.emptied(header)
    }

    private enum Remainder {
        case everything
        case some(UnsafeRawBufferPointer)
        case nothing
    }

    private mutating func choose(
        _ header: RecordBatchHeader,
        _ records: UnsafeRawBufferPointer
    ) throws(RecordFormatError) -> Remainder {
        choices.removeAll(keepingCapacity: true)
        var kept = 0
        var firstTimestamp: Int64?
        var hasTombstone = false
        let isHorizonPassed = header.deleteHorizonMs.map { $0 <= rules.now } ?? false
        var cursor = RecordCursor(header, records: records)
        while let record = try cursor.next() {
            let isKept = keeps(record, isHorizonPassed: isHorizonPassed)
            choices.append(isKept)
            guard isKept else { continue }
            kept += 1
            firstTimestamp = firstTimestamp ?? record.timestamp
            hasTombstone = hasTombstone || record.value == nil
        }
        guard kept > 0, let firstTimestamp else { return .nothing }
        let setsHorizon = hasTombstone && header.deleteHorizonMs == nil
        if kept == choices.count, !setsHorizon { return .everything }

        let horizon = setsHorizon ? deleteHorizon : header.deleteHorizonMs
        rewriter.begin(header, baseTimestamp: horizon ?? firstTimestamp)
        cursor = RecordCursor(header, records: records)
        var index = 0
        while let record = try cursor.next() {
            if choices[index] { rewriter.append(record) }
            index += 1
        }
        return .some(try rewriter.finish(header, hasDeleteHorizon: horizon != nil))
    }

    private func keeps(_ record: RecordView, isHorizonPassed: Bool) -> Bool {
        if record.offset >= rules.keysEnd { return true }
        guard let key = record.key else { return false }
        if let last = rules.keys.offset(of: key), last > record.offset { return false }
        return record.value != nil || !isHorizonPassed
    }

    private var deleteHorizon: Int64 {
        let (sum, overflow) = rules.now.addingReportingOverflow(rules.deleteRetentionMs)
        return overflow ? Int64.max : sum
    }
}
