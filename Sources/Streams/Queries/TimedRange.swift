import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// Ranges of rows whose keys go on with times: of windows and sessions.
///
/// The bytes of a key and its times lie together, so that among the rows of a key there may be those of a longer one,
/// which begins with the same bytes and goes on as a time does; and rows of several keys come in the order of those bytes,
/// which is that of the keys, except where a key begins with another.
enum TimedRange {
    /// Whether a row is asked for, by the times after its key.
    typealias TimesFilter = @Sendable (UnsafeRawBufferPointer) -> Bool

    /// The rows of a key.
    ///
    /// - Parameters:
    ///   - firstMs: the first of the times after the key, from here on.
    ///   - lastMs: the first of the times after the key, up to here.
    static func rows(
        of key: [UInt8],
        from firstMs: Int64,
        through lastMs: Int64,
        descending isDescending: Bool,
        where isIncluded: @escaping TimesFilter
    ) -> StoredRange {
        StoredRange(
            lower: key + bytes(max(0, firstMs)),
            // What comes after the first time, of which no number begins with so high a byte.
            upper: lastMs < 0 ? .before([]) : .before(key + bytes(lastMs) + [0xFF]),
            isDescending: isDescending
        ) { rowKey, times in
            rowKey.count == key.count && times.count >= 8 && isIncluded(times)
        }
    }

    /// The rows of the keys from one through another, nil for an open end.
    static func rows(
        from first: [UInt8]?,
        through last: [UInt8]?,
        descending isDescending: Bool,
        where isIncluded: @escaping TimesFilter
    ) -> StoredRange {
        StoredRange(
            lower: first,
            upper: last.map { .throughRows(of: $0) } ?? .open,
            isDescending: isDescending
        ) { key, times in
            // Of the longer keys that begin with the last one, none is asked for.
            if let first, precedes(key, first) { return false }
            if let last, last.withUnsafeBytes({ RawBytes.compare($0, key) < 0 }) { return false }
            return times.count >= 8 && isIncluded(times)
        }
    }

    private static func precedes(_ key: UnsafeRawBufferPointer, _ other: [UInt8]) -> Bool {
        other.withUnsafeBytes { RawBytes.compare(key, $0) < 0 }
    }

    static func bytes(_ timeMs: Int64) -> [UInt8] {
        withUnsafeBytes(of: timeMs.bigEndian) { [UInt8]($0) }
    }

    /// One of the times after a key.
    static func time(_ index: Int, _ times: UnsafeRawBufferPointer) -> Int64 {
        guard times.count >= (index + 1) * 8 else { return 0 }
        return Int64(bigEndian: times.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
    }
}
