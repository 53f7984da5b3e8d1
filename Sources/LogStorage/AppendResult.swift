import MillracePrimitives

/// Where a batch comes from, which decides how much of it is checked.
package enum AppendOrigin: Hashable, Sendable {
    /// Bytes of a foreign producer: checksum, every record, timestamps, sequence numbers.
    case client
    /// Bytes that a builder in this process has just sealed: header and sequence numbers.
    case trusted
    /// A coordinator's own records: header and producer epoch, no sequence numbers (LE-30).
    case coordinator
}

/// Where a batch, or several of one append, ended up.
package struct AppendResult: Hashable, Sendable {
    /// The first record's offset.
    package var baseOffset: Int64
    /// The last record's offset; the append is durable once the log is flushed beyond it.
    package var lastOffset: Int64
    /// The timestamp that the log gave the records; -1 if they keep their own.
    package var appendTime: Int64
    /// The log's first offset.
    package var logStartOffset: Int64
    /// Nothing was stored, since it had been before: the offsets are those of then. For a repeated marker, which is not
    /// remembered, they are the log's last offset: to flush beyond it covers the first one.
    package var isDuplicate: Bool
}

/// How far a reader may read.
package enum ReadLimit: Hashable, Sendable {
    /// To the end.
    case logEnd
    /// What all replicas have; with a single one, the same.
    case highWatermark
    /// Up to the first record whose transaction is undecided (LE-60); aborted transactions are named with the result.
    case lastStableOffset
}

/// What a read found.
package struct ReadResult: Hashable, Sendable {
    /// The base offset of the first batch read, which can be smaller than the offset asked for; nil if there was none.
    package var firstBatchOffset: Int64?
    /// Where to read on: the offset after the last batch; if nothing was read the one asked for, or the end of a gap that
    /// compaction has left there.
    package var nextOffset: Int64
    package var logStartOffset: Int64
    package var highWatermark: Int64
    package var lastStableOffset: Int64
    package var logEndOffset: Int64
    /// The aborted transactions that touch what was read, in the order of their markers; only with
    /// `ReadLimit.lastStableOffset` (LE-61).
    package var abortedTransactions: [AbortedTransaction]
}

/// The first record at or after some time.
package struct TimestampedOffset: Hashable, Sendable {
    package var offset: Int64
    package var timestamp: Int64
    package var leaderEpoch: Int32
}
