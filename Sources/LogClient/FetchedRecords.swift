import MillracePrimitives
import MillraceRecordFormat

/// Records of one partition that a poll returned: checked, decompressed and free of what the reader may not see.
///
/// Filled by a connection, then handed over whole; from then on nobody changes it. The records are decoded in place
/// while they are walked over.
public final class FetchedRecords: @unchecked Sendable {
    // Sendable by hand-over: mutated by the filling thread alone, which gives it away afterwards.

    /// A stretch of uncompressed records of one batch.
    package struct Run {
        package var baseOffset: Int64
        package var lastOffsetDelta: Int32
        package var baseTimestamp: Int64
        package var appendTimestamp: Int64?
        package var recordCount: Int32
        package var leaderEpoch: Int32
        fileprivate var isInflated: Bool
        fileprivate var range: Range<Int>
    }

    /// The partition.
    public let partition: TopicPartition
    /// The first offset that was asked for; a batch may begin before it, and those records are not delivered.
    public let startOffset: Int64
    /// Where the reader goes on: after everything in here, markers and aborted records included.
    public package(set) var nextOffset: Int64
    /// The offset after the last record that was written when this was fetched.
    public package(set) var highWatermark: Int64 = -1
    /// The offset that readers of committed data get to.
    public package(set) var lastStableOffset: Int64 = -1
    /// The first offset that the partition held.
    public package(set) var logStartOffset: Int64 = -1

    package private(set) var runs: [Run] = []
    /// An upper bound of the records in here.
    public private(set) var recordCount = 0
    private var raw: ByteWriter
    private var inflated = ByteWriter(capacity: 16)

    /// Makes an empty value for what is read from `startOffset` on.
    package init(partition: TopicPartition, startOffset: Int64, capacity: Int = 0) {
        self.partition = partition
        self.startOffset = startOffset
        nextOffset = startOffset
        raw = ByteWriter(capacity: capacity)
    }

    /// The bytes that this keeps in memory.
    public var sizeInBytes: Int { raw.count + inflated.count }

    /// Whether there is no record in here; `nextOffset` may have moved nevertheless.
    public var isEmpty: Bool { runs.isEmpty }

    /// Lets `body` append whole batches as they stand in the log.
    package func fill<Result, Failure: Error>(
        _ body: (inout ByteWriter) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(&raw)
    }

    /// Goes over the batches that `fill` brought: checks them, drops markers and aborted data, decompresses.
    ///
    /// - Parameters:
    ///   - aborted: the aborted transactions that overlap what was fetched, for a reader of committed data (KIP-98); for
    ///     others none, and everything but control batches is kept.
    ///   - decompressor: memory for decompression, reused.
    package func index(
        aborted: [AbortedRange],
        decompressor: inout Decompressor
    ) throws(RecordFormatError) {
        var filter = AbortedTransactionFilter(aborted)
        var batches = RecordBatches(raw.bytes)
        var start = 0
        while let batch = try batches.next() {
            defer { start = batches.position }
            let header = batch.header
            nextOffset = max(nextOffset, header.nextOffset)
            guard try filter.delivers(batch), header.lastOffset >= startOffset, header.recordCount > 0 else { continue }
            var run = Run(
                baseOffset: header.baseOffset,
                lastOffsetDelta: header.lastOffsetDelta,
                baseTimestamp: header.baseTimestamp,
                appendTimestamp: header.attributes.timestampType == .logAppendTime ? header.maxTimestamp : nil,
                recordCount: header.recordCount,
                leaderEpoch: header.leaderEpoch,
                isInflated: false,
                range: start + RecordBatchHeader.size..<batches.position
            )
            if header.attributes.codecNumber != 0 {
                run.isInflated = true
                let begin = inflated.count
                try batch.withRecords(&decompressor) { records in inflated.append(records) }
                run.range = begin..<inflated.count
            }
            runs.append(run)
            recordCount += Int(header.recordCount)
        }
    }

    /// A cursor over the records of run `index`. It reads this value's memory: keep the value alive while it is used.
    package func cursor(ofRun index: Int) -> RecordCursor {
        let run = runs[index]
        return RecordCursor(
            records: run.isInflated ? inflated.bytes(run.range) : raw.bytes(run.range),
            recordCount: Int(run.recordCount),
            baseOffset: run.baseOffset,
            lastOffsetDelta: run.lastOffsetDelta,
            baseTimestamp: run.baseTimestamp,
            appendTimestamp: run.appendTimestamp
        )
    }

    /// Calls `body` with each record in order; the views are valid during the call only.
    public func withEach(_ body: (RecordView) throws -> Void) throws {
        try withExtendedLifetime(self) {
            for index in runs.indices {
                var cursor = cursor(ofRun: index)
                while let record = try cursor.next() {
                    if record.offset >= startOffset { try body(record) }
                }
            }
        }
    }
}

/// An aborted transaction's place in a partition.
package struct AbortedRange: Hashable, Sendable {
    package var producerId: Int64
    package var firstOffset: Int64

    package init(producerId: Int64, firstOffset: Int64) {
        self.producerId = producerId
        self.firstOffset = firstOffset
    }
}

/// Decides batch by batch what a reader of committed data gets (invariant 2, isolated).
///
/// A producer's batches are dropped from its aborted transaction's first offset on, until the ABORT marker comes. Control
/// batches are never delivered. Source: KIP-98; Kafka's consumer does the same.
struct AbortedTransactionFilter {
    private var pending: [AbortedRange]
    private var abortedProducers: Set<Int64> = []

    init(_ aborted: [AbortedRange]) {
        // Taken from the end, so the smallest offset stands there.
        pending = aborted.sorted { $0.firstOffset > $1.firstOffset }
    }

    mutating func delivers(_ batch: RecordBatch) throws(RecordFormatError) -> Bool {
        let header = batch.header
        // First of all, for markers too: what is read may begin at the ABORT marker of a transaction, which ends it.
        while let next = pending.last, next.firstOffset <= header.lastOffset {
            abortedProducers.insert(next.producerId)
            pending.removeLast()
        }
        if header.attributes.isControl {
            if abortedProducers.contains(header.producer.id) {
                var cursor = RecordCursor(header, records: batch.recordBytes)
                if let record = try cursor.next(), try EndTransactionMarker(record)?.result == .abort {
                    abortedProducers.remove(header.producer.id)
                }
            }
            return false
        }
        return !(header.attributes.isTransactional && abortedProducers.contains(header.producer.id))
    }
}
