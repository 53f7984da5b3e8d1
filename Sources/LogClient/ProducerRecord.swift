import MillracePrimitives
import MillraceRecordFormat

/// A record to be sent.
public struct ProducerRecord: Hashable, Sendable {
    /// The topic.
    public var topic: String
    /// The partition; nil lets the partitioner choose: by the key, or for no key a partition that sticks for a batch.
    public var partition: Int32?
    /// The key; nil is null.
    public var key: [UInt8]?
    /// The value; nil is null, a tombstone on a compacted topic.
    public var value: [UInt8]?
    /// Milliseconds since 1970; nil for the time of sending.
    public var timestamp: Int64?
    /// The headers.
    public var headers: RecordHeaders

    /// Makes a record.
    public init(
        topic: String,
        partition: Int32? = nil,
        key: [UInt8]? = nil,
        value: [UInt8]?,
        timestamp: Int64? = nil,
        headers: RecordHeaders = []
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.headers = headers
    }

    /// Makes a record of UTF-8 texts.
    public init(topic: String, key: String?, value: String?, timestamp: Int64? = nil, headers: RecordHeaders = []) {
        self.init(
            topic: topic,
            key: key.map { Array($0.utf8) },
            value: value.map { Array($0.utf8) },
            timestamp: timestamp,
            headers: headers
        )
    }
}

/// Where a record was stored.
public struct RecordReceipt: Hashable, Sendable {
    /// The partition.
    public var partition: TopicPartition
    /// The record's offset; -1 if the producer asked for no acknowledgement.
    public var offset: Int64
    /// The record's timestamp in the log, in milliseconds since 1970.
    public var timestamp: Int64

    /// Makes a receipt.
    public init(partition: TopicPartition, offset: Int64, timestamp: Int64) {
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
    }
}

/// Where a batch was stored.
public struct BatchReceipt: Hashable, Sendable {
    /// The offset of the batch's first record; -1 without acknowledgement.
    public var baseOffset: Int64
    /// The time that the log stamped the batch with; -1 if the records keep their own timestamps.
    public var appendTime: Int64

    /// Makes a receipt.
    public init(baseOffset: Int64, appendTime: Int64 = -1) {
        self.baseOffset = baseOffset
        self.appendTime = appendTime
    }
}
