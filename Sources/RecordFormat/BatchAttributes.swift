/// How a batch's records are compressed.
public enum CompressionCodec: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Not at all.
    case none = 0
    /// gzip (RFC 1952).
    case gzip = 1
    /// Snappy in xerial's framing.
    case snappy = 2
    /// LZ4 frames.
    case lz4 = 3
    /// Zstandard.
    case zstd = 4

    /// The name that Kafka's `compression.type` has for it.
    public var description: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }
}

/// Where a record's timestamp comes from.
public enum TimestampType: Hashable, Sendable {
    /// The producer set it.
    case createTime
    /// The log set it when the batch was appended.
    case logAppendTime
}

/// The attributes of a record batch, two bytes in its header.
///
/// Bits: 0–2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon. Source: Kafka documentation, "Record
/// Batch"; KIP-534 for the delete horizon.
public struct BatchAttributes: Hashable, Sendable {
    /// The bits as they stand in the header.
    public var rawValue: Int16

    /// Attributes from the header's bits.
    @inlinable
    public init(rawValue: Int16) {
        self.rawValue = rawValue
    }

    /// Attributes from their meaning.
    public init(
        codec: CompressionCodec = .none,
        timestampType: TimestampType = .createTime,
        isTransactional: Bool = false,
        isControl: Bool = false
    ) {
        rawValue = Int16(codec.rawValue)
        if timestampType == .logAppendTime { rawValue |= 1 << 3 }
        if isTransactional { rawValue |= 1 << 4 }
        if isControl { rawValue |= 1 << 5 }
    }

    /// The codec's number; 5 to 7 are not assigned.
    public var codecNumber: UInt8 { UInt8(rawValue & 0x07) }

    /// The codec; nil if the number is not assigned.
    public var codec: CompressionCodec? { CompressionCodec(rawValue: codecNumber) }

    /// Where the timestamps come from.
    public var timestampType: TimestampType { rawValue & (1 << 3) == 0 ? .createTime : .logAppendTime }

    /// Whether the batch belongs to a transaction.
    public var isTransactional: Bool { rawValue & (1 << 4) != 0 }

    /// Whether the batch holds a control record instead of data.
    public var isControl: Bool { rawValue & (1 << 5) != 0 }

    /// Whether the base timestamp is the time at which the cleaner may drop the batch's tombstones or marker.
    public var hasDeleteHorizon: Bool {
        get { rawValue & (1 << 6) != 0 }
        set { rawValue = newValue ? rawValue | (1 << 6) : rawValue & ~(1 << 6) }
    }
}
