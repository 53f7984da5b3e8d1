import MillracePrimitives

/// The 61 bytes that every record batch begins with.
///
/// ```
/// base offset     8 |
/// length          4 | of what follows this field
/// leader epoch    4 |
/// magic           1 | 2
/// checksum        4 | CRC-32C of everything after it
/// attributes      2 |
/// last offset delta 4
/// base timestamp  8 | milliseconds since 1970
/// max timestamp   8 |
/// producer id     8 | -1 for none
/// producer epoch  2 | -1 for none
/// base sequence   4 | -1 for none
/// record count    4 |
/// ```
/// Source: Kafka documentation, "Record Batch" (KIP-98).
public struct RecordBatchHeader: Hashable, Sendable {
    /// The header's size in bytes.
    public static let size = 61
    /// The bytes of a batch that its length field does not count: base offset and the field itself.
    public static let lengthOverhead = 12
    /// Where the checksummed part begins.
    package static let checksummedFrom = 21
    /// The largest batch that is read, in bytes; a greater length is taken for damage.
    public static let maximumBatchSize = 1 << 30

    package enum Field {
        package static let baseOffset = 0
        package static let length = 8
        package static let leaderEpoch = 12
        package static let magic = 16
        package static let checksum = 17
        package static let attributes = 21
        package static let lastOffsetDelta = 23
        package static let baseTimestamp = 27
        package static let maxTimestamp = 35
        package static let producerId = 43
        package static let producerEpoch = 51
        package static let baseSequence = 53
        package static let recordCount = 57
    }

    /// The offset of the batch's first record.
    public var baseOffset: Int64
    /// The length field: the batch's size less `lengthOverhead`.
    public var length: Int32
    /// The leader epoch in which the batch was appended.
    public var leaderEpoch: Int32
    /// The CRC-32C of attributes to end.
    public var checksum: UInt32
    /// Codec, timestamp type and flags.
    public var attributes: BatchAttributes
    /// The last record's offset less the base offset; kept by compaction even if that record is gone.
    public var lastOffsetDelta: Int32
    /// What the records' timestamp deltas count from, or the delete horizon.
    public var baseTimestamp: Int64
    /// The greatest timestamp; the append time of the batch if `attributes` say so.
    public var maxTimestamp: Int64
    /// The producer, or none.
    public var producer: ProducerIdentity
    /// The first record's sequence number; -1 without idempotence.
    public var baseSequence: Int32
    /// How many records there are.
    public var recordCount: Int32

    /// The whole batch's size in bytes, header included.
    public var sizeInBytes: Int { Self.lengthOverhead + Int(length) }
    /// The offset of the batch's last record.
    public var lastOffset: Int64 { baseOffset + Int64(lastOffsetDelta) }
    /// The offset after the batch.
    public var nextOffset: Int64 { lastOffset + 1 }
    /// Whether the batch carries sequence numbers.
    public var isIdempotent: Bool { producer.id >= 0 && baseSequence >= 0 }
    /// The last record's sequence number; sequences go on with 0 after `Int32.max`.
    public var lastSequence: Int32 {
        baseSequence < 0 ? baseSequence : SequenceNumber.advance(baseSequence, by: lastOffsetDelta)
    }

    /// The whole size of the batch that begins at `bytes`, from its length field alone; nil if fewer than 12 bytes are
    /// there.
    public static func sizeInBytes(at bytes: UnsafeRawBufferPointer) throws(RecordFormatError) -> Int? {
        guard bytes.count >= lengthOverhead else { return nil }
        let length = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: Field.length, as: Int32.self))
        guard length >= Int32(size - lengthOverhead), Int(length) <= maximumBatchSize else {
            throw .invalidLength(length)
        }
        return lengthOverhead + Int(length)
    }

    /// Reads and checks the header at the beginning of `bytes`; the records need not be there.
    public init(reading bytes: UnsafeRawBufferPointer) throws(RecordFormatError) {
        guard bytes.count >= Self.size else { throw .truncated(needed: Self.size, available: bytes.count) }
        func load<Integer: FixedWidthInteger>(_ offset: Int, _ type: Integer.Type = Integer.self) -> Integer {
            Integer(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self))
        }
        let magic = load(Field.magic, Int8.self)
        guard magic == 2 else { throw .unsupportedMagic(magic) }
        length = load(Field.length)
        guard length >= Int32(Self.size - Self.lengthOverhead), Int(length) <= Self.maximumBatchSize else {
            throw .invalidLength(length)
        }
        baseOffset = load(Field.baseOffset)
        leaderEpoch = load(Field.leaderEpoch)
        checksum = load(Field.checksum)
        attributes = BatchAttributes(rawValue: load(Field.attributes))
        lastOffsetDelta = load(Field.lastOffsetDelta)
        baseTimestamp = load(Field.baseTimestamp)
        maxTimestamp = load(Field.maxTimestamp)
        producer = ProducerIdentity(id: load(Field.producerId), epoch: load(Field.producerEpoch))
        baseSequence = load(Field.baseSequence)
        recordCount = load(Field.recordCount)
        guard baseOffset >= 0 else { throw .invalidHeader("base offset \(baseOffset) is negative") }
        guard lastOffsetDelta >= 0 else { throw .invalidHeader("last offset delta \(lastOffsetDelta) is negative") }
        guard baseOffset <= Int64.max - Int64(lastOffsetDelta) - 1 else {
            throw .invalidHeader("base offset \(baseOffset) leaves no room for the batch")
        }
        guard recordCount >= 0 else { throw .invalidHeader("record count \(recordCount) is negative") }
        guard recordCount <= Int64(lastOffsetDelta) + 1 else {
            throw .invalidHeader("\(recordCount) records do not fit \(Int64(lastOffsetDelta) + 1) offsets")
        }
    }

    /// Writes offset and leader epoch into a batch. Neither is covered by the checksum, so that a log can assign them
    /// without another pass over the bytes.
    package static func stamp(
        _ batch: UnsafeMutableRawBufferPointer,
        baseOffset: Int64,
        leaderEpoch: Int32
    ) {
        precondition(batch.count >= size, "a batch has a whole header")
        batch.storeBytes(of: baseOffset.bigEndian, toByteOffset: Field.baseOffset, as: Int64.self)
        batch.storeBytes(of: leaderEpoch.bigEndian, toByteOffset: Field.leaderEpoch, as: Int32.self)
    }

    /// Makes append time the timestamp of all of a batch's records, and corrects the checksum.
    package static func stampAppendTime(_ batch: UnsafeMutableRawBufferPointer, timestamp: Int64) {
        precondition(batch.count >= size, "a batch has a whole header")
        let attributes = Int16(bigEndian: batch.loadUnaligned(fromByteOffset: Field.attributes, as: Int16.self))
        batch.storeBytes(of: (attributes | 1 << 3).bigEndian, toByteOffset: Field.attributes, as: Int16.self)
        batch.storeBytes(of: timestamp.bigEndian, toByteOffset: Field.maxTimestamp, as: Int64.self)
        let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: batch[checksummedFrom...]))
        batch.storeBytes(of: checksum.bigEndian, toByteOffset: Field.checksum, as: UInt32.self)
    }

    /// Compares the checksum with that of the whole batch in `bytes`.
    public func verifyChecksum(of bytes: UnsafeRawBufferPointer) throws(RecordFormatError) {
        guard bytes.count >= sizeInBytes else { throw .truncated(needed: sizeInBytes, available: bytes.count) }
        let covered = UnsafeRawBufferPointer(rebasing: bytes[Self.checksummedFrom..<sizeInBytes])
        let computed = CRC32C.checksum(covered)
        guard computed == checksum else { throw .checksumMismatch(expected: checksum, computed: computed) }
    }
}

/// Arithmetic of idempotent producers' sequence numbers: 0 to `Int32.max`, then 0 again.
public enum SequenceNumber {
    /// The number `count` after `sequence`.
    @inlinable
    public static func advance(_ sequence: Int32, by count: Int32) -> Int32 {
        let sum = Int64(sequence) + Int64(count)
        return Int32(truncatingIfNeeded: sum > Int64(Int32.max) ? sum - Int64(Int32.max) - 1 : sum)
    }

    /// Whether `next` follows `last` directly.
    public static func isNext(_ next: Int32, after last: Int32) -> Bool {
        next == advance(last, by: 1)
    }
}
