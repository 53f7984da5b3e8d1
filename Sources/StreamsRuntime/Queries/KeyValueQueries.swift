import MillracePrimitives
import MillraceStateStores

/// A row of a store, copied out of it.
package struct StoredRow: Sendable {
    package var key: [UInt8]
    package var value: [UInt8]
    /// Milliseconds since 1970; -1 in a store without timestamps.
    package var timestampMs: Int64
}

/// Some rows of a store, in the order of their keys' bytes.
package struct StoredPage: Sendable {
    package var rows: [StoredRow]
    /// Whether there are no rows after these.
    package var isLast: Bool
}

/// Which keys a query asks for.
package struct StoredKeyRange: Hashable, Sendable {
    /// Where the range ends.
    package enum Upper: Hashable, Sendable {
        /// Nowhere.
        case open
        /// At this key, which is included.
        case through([UInt8])
        /// Before this key.
        case before([UInt8])
    }

    /// The first key; nil for an open beginning.
    package var lower: [UInt8]?
    /// The end.
    package var upper: Upper
    /// Whether the last key comes first.
    package var isDescending: Bool

    package init(lower: [UInt8]?, upper: Upper, isDescending: Bool) {
        self.lower = lower
        self.upper = upper
        self.isDescending = isDescending
    }

    /// All keys that begin with some bytes.
    package init(prefix: [UInt8], isDescending: Bool) {
        self.init(lower: prefix, upper: .open, isDescending: isDescending)
        // The first key after all of them: the last byte that can be raised is, and what comes after it goes.
        guard let last = prefix.lastIndex(where: { $0 < 0xFF }) else { return }
        upper = .before(Array(prefix[..<last]) + [prefix[last] + 1])
    }

    /// What is left of the range after a key.
    package func after(_ key: [UInt8]) -> StoredKeyRange {
        var rest = self
        if isDescending { rest.upper = .before(key) } else { rest.lower = key + [0] }
        return rest
    }
}

/// A key-value store that can be asked from outside of its task, between two slices of the task's work.
package protocol KeyValueQueries: TaskStore {
    /// The rows.
    var queriedTable: ByteTable { get }
    /// Whether the values have their timestamps before them.
    var areRowsTimestamped: Bool { get }
}

extension KeyValueQueries {
    /// The most rows and bytes of one page: what a thread copies at a time.
    package static var pageRowsMaximum: Int { 256 }
    package static var pageBytesMaximum: Int { 256 << 10 }

    /// The row of a key.
    package func row(of key: [UInt8]) -> StoredRow? {
        let entry = key.withUnsafeBytes { queriedTable.find($0) }
        return entry < 0 ? nil : row(at: entry)
    }

    /// The first rows of a range.
    package func page(_ range: StoredKeyRange) -> StoredPage {
        var scan = snapshot(range)
        var page = StoredPage(rows: [], isLast: false)
        var bytes = 0
        while page.rows.count < Self.pageRowsMaximum, bytes < Self.pageBytesMaximum {
            guard let entry = scan.next() else {
                page.isLast = true
                return page
            }
            let row = row(at: entry)
            bytes += row.key.count + row.value.count
            page.rows.append(row)
        }
        return page
    }

    private func row(at entry: Int) -> StoredRow {
        let key = [UInt8](queriedTable.key(at: entry))
        let value = queriedTable.value(at: entry)
        guard areRowsTimestamped else { return StoredRow(key: key, value: [UInt8](value), timestampMs: -1) }
        return StoredRow(
            key: key,
            value: [UInt8](value[TimestampedValue.headCount...]),
            timestampMs: TimestampedValue.timestampMs(value) ?? -1
        )
    }

    private func snapshot(_ range: StoredKeyRange) -> EntrySnapshot {
        func withBytes<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
            guard let bytes else { return body(nil) }
            return bytes.withUnsafeBytes { body($0) }
        }
        let limit = Self.pageRowsMaximum + 1
        return withBytes(range.lower) { lower in
            switch range.upper {
            case .open:
                queriedTable.range(from: lower, through: nil, descending: range.isDescending, limit: limit)
            case .through(let last):
                withBytes(last) { last in
                    queriedTable.range(from: lower, through: last, descending: range.isDescending, limit: limit)
                }
            case .before(let end):
                withBytes(end) { end in
                    queriedTable.range(from: lower, to: end, descending: range.isDescending, limit: limit)
                }
            }
        }
    }
}
