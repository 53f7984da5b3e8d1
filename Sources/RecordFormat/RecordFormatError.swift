import MillracePrimitives

/// Why bytes are not a record batch, or not one that can be used.
public enum RecordFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes end before the batch does.
    case truncated(needed: Int, available: Int)
    /// The magic byte is not 2; batches of the formats before Kafka 0.11 are not supported.
    case unsupportedMagic(Int8)
    /// The length field cannot be right.
    case invalidLength(Int32)
    /// The checksum in the header is not that of the contents.
    case checksumMismatch(expected: UInt32, computed: UInt32)
    /// A field of the header contradicts the format; the text says which and how.
    case invalidHeader(String)
    /// A record contradicts the format; `index` counts from 0 within its batch.
    case invalidRecord(index: Int, reason: RecordDefect)
    /// No compression codec has this number.
    case unsupportedCodec(UInt8)
    /// The compressed block cannot be read, or its codec's library failed to write one.
    case invalidCompression(codec: CompressionCodec, reason: String)
    /// The block would decompress to more than the limit, in bytes.
    case decompressedTooLarge(limit: Int)
    /// The batch to be sealed is larger than any batch may be, in bytes.
    case batchTooLarge(size: Int, limit: Int)
    /// A control record's key or value cannot be read.
    case invalidControlRecord(String)

    /// What is wrong, in words.
    public var description: String {
        switch self {
        case .truncated(let needed, let available):
            "the batch needs \(needed) bytes and \(available) are there"
        case .unsupportedMagic(let magic):
            "the batch has format version \(magic); only version 2 (Kafka 0.11 and later) is supported"
        case .invalidLength(let length):
            "the batch's length field says \(length), which no batch can have"
        case .checksumMismatch(let expected, let computed):
            "the batch's checksum is \(computed), its header says \(expected): the bytes were damaged"
        case .invalidHeader(let what):
            "the batch's header is invalid: \(what)"
        case .invalidRecord(let index, let reason):
            "record \(index) of the batch is invalid: \(reason)"
        case .unsupportedCodec(let number):
            "compression codec \(number) is unknown: it is newer than this program, or the batch is damaged"
        case .invalidCompression(let codec, let reason):
            "\(codec) failed on the batch: \(reason)"
        case .decompressedTooLarge(let limit):
            "the batch would decompress to more than \(limit) bytes"
        case .batchTooLarge(let size, let limit):
            "the batch would have \(size) bytes; \(limit) are allowed: send a smaller record"
        case .invalidControlRecord(let what):
            "a control record is invalid: \(what)"
        }
    }
}

/// What is wrong with a record.
public enum RecordDefect: Hashable, Sendable {
    /// The record, or a length in it, reaches past the end of the batch.
    case overrun
    /// A varint has too many bytes.
    case malformedVarint
    /// A length is negative other than -1, or negative where null is not allowed.
    case negativeLength
    /// The record's length field and its contents disagree.
    case lengthMismatch
    /// The offset delta is outside of the batch's range or out of order.
    case offsetDelta
    /// Bytes are left after the last record, or after a record's last header.
    case trailingBytes
    /// A header's name is not UTF-8.
    case headerName
}
