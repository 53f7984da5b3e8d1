import MillracePrimitives

/// The rows of a versioned store's changelog: one for each version, so that the topic is compacted as any other, and a
/// restored store is what it was whatever the cleaner has removed. (Kafka Streams writes all versions under the bare
/// key and relies on the cleaner to keep its distance, by the wall clock.)
///
/// Key: the key's bytes, then the time from which the version is valid, eight bytes, big-endian. Value: one byte, 1 and
/// then the value, or 0 for a deletion. A null value says that the version is no longer kept.
package enum VersionedRow {
    /// What a row's value says.
    package enum Value {
        case value(UnsafeRawBufferPointer)
        case deletion
        case invalid
    }

    /// What stands before a value.
    package static let valueMark: UInt8 = 1
    /// What stands for a deletion.
    package static let deletionMark: UInt8 = 0
    /// The bytes of the time that a row's key has after the key.
    package static let timeCount = 8

    /// Appends the key of a version's row.
    package static func writeKey(_ key: UnsafeRawBufferPointer, validFromMs: Int64, to writer: inout ByteWriter) {
        writer.append(key)
        writer.append(validFromMs)
    }

    /// The key and the time in a row's key; nil if it is too short.
    package static func parse(_ row: UnsafeRawBufferPointer) -> (key: UnsafeRawBufferPointer, validFromMs: Int64)? {
        guard row.count >= timeCount else { return nil }
        let keyCount = row.count - timeCount
        return (
            UnsafeRawBufferPointer(rebasing: row[..<keyCount]),
            Int64(bigEndian: row.loadUnaligned(fromByteOffset: keyCount, as: Int64.self))
        )
    }

    /// What a row's value says.
    package static func parse(value row: UnsafeRawBufferPointer) -> Value {
        switch row.first {
        case valueMark: .value(UnsafeRawBufferPointer(rebasing: row[1...]))
        case deletionMark where row.count == 1: .deletion
        default: .invalid
        }
    }
}
