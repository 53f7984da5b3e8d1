import MillracePrimitives

/// A producer that a partition remembers: what it has written there, and whether it has a transaction open.
public struct PartitionProducer: Hashable, Sendable {
    /// The producer id and its current epoch.
    public var producer: ProducerIdentity
    /// The sequence number of its last record; -1 for none with this epoch.
    public var lastSequence: Int32
    /// When it last wrote, in milliseconds since 1970; -1 if that is not known.
    public var lastTimestampMs: Int64
    /// The epoch of the coordinator that wrote its last marker; nil if there was none.
    public var coordinatorEpoch: Int32?
    /// Where its open transaction begins; nil if it has none.
    public var transactionStartOffset: Int64?

    /// Makes a description.
    public init(
        producer: ProducerIdentity,
        lastSequence: Int32,
        lastTimestampMs: Int64,
        coordinatorEpoch: Int32?,
        transactionStartOffset: Int64?
    ) {
        self.producer = producer
        self.lastSequence = lastSequence
        self.lastTimestampMs = lastTimestampMs
        self.coordinatorEpoch = coordinatorEpoch
        self.transactionStartOffset = transactionStartOffset
    }
}
