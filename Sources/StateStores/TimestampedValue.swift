import MillracePrimitives

/// The layout of a value with a timestamp, as Kafka Streams' timestamped stores keep it (KIP-258): the timestamp in
/// milliseconds, eight bytes, big-endian, followed by the value.
@usableFromInline
package enum TimestampedValue {
    /// The bytes that come before the value.
    @inlinable package static var headCount: Int { 8 }

    /// The timestamp in milliseconds, or nil when the bytes are too short to hold one.
    @inlinable
    package static func timestampMs(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        if bytes.count < headCount { return nil }
        return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    }

    /// The value without its timestamp, in place, or nil when the bytes are too short to hold one.
    @inlinable
    package static func value(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        if bytes.count < headCount { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[headCount...])
    }

    /// Writes the timestamp; the value goes to `target + headCount`.
    @inlinable
    package static func write(timestampMs: Int64, to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: timestampMs.bigEndian, as: Int64.self)
    }
}

extension ByteTable {
    /// Sets a timestamped value without putting it together elsewhere first.
    @inlinable
    package func setTimestampedValue(at entry: Int, timestampMs: Int64, _ value: UnsafeRawBufferPointer) {
        let target = writableValue(at: entry, count: TimestampedValue.headCount + value.count)
        TimestampedValue.write(timestampMs: timestampMs, to: target)
        if let start = value.baseAddress {
            RawBytes.copy(start, to: target + TimestampedValue.headCount, count: value.count)
        }
    }
}
