import MillracePrimitives
import MillraceStateStores

/// Which rows a query asks for: those between two row keys, in the order of their bytes, or some of them.
package struct StoredRange: Sendable {
    /// Where the range ends.
    package enum Upper: Hashable, Sendable {
        /// Nowhere.
        case open
        /// At this key, which is included.
        case through([UInt8])
        /// Before this key.
        case before([UInt8])
        /// After the rows of this record's key, whatever their times, and of all keys before it.
        case throughRows(of: [UInt8])
    }

    /// Whether a row is asked for, by the record's key and the times that come after it.
    package typealias Filter = @Sendable (_ key: UnsafeRawBufferPointer, _ times: UnsafeRawBufferPointer) -> Bool

    /// The first key; nil for an open beginning.
    package var lower: [UInt8]?
    /// The end.
    package var upper: Upper
    /// Whether the last key comes first.
    package var isDescending: Bool
    /// Which of the rows are asked for; nil for all.
    package var isIncluded: Filter?

    package init(lower: [UInt8]?, upper: Upper, isDescending: Bool, where isIncluded: Filter? = nil) {
        self.lower = lower
        self.upper = upper
        self.isDescending = isDescending
        self.isIncluded = isIncluded
    }

    /// All keys that begin with some bytes.
    package init(prefix: [UInt8], isDescending: Bool) {
        self.init(lower: prefix, upper: .open, isDescending: isDescending)
        // The first key after all of them: the last byte that can be raised is, and what comes after it goes.
        guard let last = prefix.lastIndex(where: { $0 < 0xFF }) else { return }
        upper = .before(Array(prefix[..<last]) + [prefix[last] + 1])
    }

    /// What is left of the range after a key.
    package func after(_ key: [UInt8]) -> StoredRange {
        var rest = self
        if isDescending { rest.upper = .before(key) } else { rest.lower = key + [0] }
        return rest
    }
}

/// A row of a store, where it lies.
package struct StoredRow {
    /// The record's key, and the times after it.
    package var rowKey: UnsafeRawBufferPointer
    /// The bytes of the record's key.
    package var keyCount: Int
    /// The value, without its timestamp.
    package var value: UnsafeRawBufferPointer
    /// Milliseconds since 1970; -1 in a store without timestamps.
    package var timestampMs: Int64

    /// The record's key.
    package var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: rowKey[..<keyCount]) }
    /// What comes after it.
    package var times: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: rowKey[keyCount...]) }
}

/// Some rows of a store, copied out of it in the order of their keys' bytes.
package struct StoredPage: Sendable {
    private struct Place {
        var start: Int
        var keyCount: Int
        var rowKeyCount: Int
        var end: Int
        var timestampMs: Int64
    }

    private var places: [Place] = []
    private var bytes: [UInt8] = []
    /// Where what comes after these rows begins; nil if nothing does.
    package var rest: StoredRange?

    package init() {}

    /// How many rows there are.
    package var count: Int { places.count }
    /// The bytes of their keys and values.
    package var byteCount: Int { bytes.count }

    mutating func append(_ row: StoredRow) {
        let start = bytes.count
        bytes.append(contentsOf: row.rowKey)
        bytes.append(contentsOf: row.value)
        places.append(
            Place(
                start: start,
                keyCount: row.keyCount,
                rowKeyCount: row.rowKey.count,
                end: bytes.count,
                timestampMs: row.timestampMs
            )
        )
    }

    /// Hands over a row, which is good during the call.
    package func withRow<Result>(at index: Int, _ body: (StoredRow) throws -> Result) rethrows -> Result {
        let place = places[index]
        return try bytes.withUnsafeBytes { bytes in
            try body(
                StoredRow(
                    rowKey: UnsafeRawBufferPointer(rebasing: bytes[place.start..<(place.start + place.rowKeyCount)]),
                    keyCount: place.keyCount,
                    value: UnsafeRawBufferPointer(rebasing: bytes[(place.start + place.rowKeyCount)..<place.end]),
                    timestampMs: place.timestampMs
                )
            )
        }
    }

    /// Whether the key of a row comes before that of a row of another page.
    package func isRow(_ index: Int, before other: StoredPage, _ otherIndex: Int) -> Bool {
        withRow(at: index) { row in
            other.withRow(at: otherIndex) { otherRow in RawBytes.precedes(row.rowKey, otherRow.rowKey) }
        }
    }
}
