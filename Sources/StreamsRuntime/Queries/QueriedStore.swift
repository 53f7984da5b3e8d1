import MillracePrimitives
import MillraceStateStores

/// A store that can be asked from outside of its task, between two slices of the task's work: a table of rows by their
/// keys, which in window and session stores go on with times.
package protocol QueriedStore: TaskStore {
    /// The rows.
    var queriedTable: ByteTable { get }
    /// The bytes of times that come after the record's key in a row's key.
    var timesCount: Int { get }
    /// The greatest first time of any row.
    var latestTimeMs: Int64 { get }
    /// Whether the values have their timestamps before them.
    var areRowsTimestamped: Bool { get }
    /// Whether others may see a row: not if it is past its time to live or its retention, though it was not removed yet.
    func isQueryable(at entry: Int) -> Bool
}

extension QueriedStore {
    package var timesCount: Int { 0 }
    package var latestTimeMs: Int64 { 0 }

    /// Gets ready for reading in order, with a little work; whether it is ready.
    package func prepareOrder() -> Bool { queriedTable.advanceOrder(entryCountMax: 256) }

    /// The row of a key, as a page of its own; an empty one if there is none.
    package func page(of rowKey: [UInt8]) -> StoredPage {
        var page = StoredPage()
        let entry = rowKey.withUnsafeBytes { queriedTable.find($0) }
        if entry >= 0, isQueryable(at: entry) { page.append(row(at: entry)) }
        return page
    }

    /// The first rows of a range. Those that are not asked for, or are not to be seen, are passed over; the page may be
    /// empty, and others follow nevertheless.
    package func page(_ range: StoredRange, _ limits: PageLimits) -> StoredPage {
        var page = StoredPage()
        let visitedCountMax = range.isIncluded == nil ? limits.rowCountMax : limits.visitedCountMax
        var scan = snapshot(range, limit: visitedCountMax)
        let isEnd = scan.count < visitedCountMax
        var last = -1
        while page.count < limits.rowCountMax, page.byteCount < limits.byteCountMax {
            guard let entry = scan.next() else {
                if isEnd || last < 0 { return page }
                break
            }
            last = entry
            guard isQueryable(at: entry) else { continue }
            let row = row(at: entry)
            if range.isIncluded?(row.key, row.times) ?? true { page.append(row) }
        }
        page.rest = range.after([UInt8](queriedTable.key(at: last)))
        return page
    }

    private func row(at entry: Int) -> StoredRow {
        let rowKey = queriedTable.key(at: entry)
        let value = queriedTable.value(at: entry)
        let keyCount = max(0, rowKey.count - timesCount)
        let valueStart = areRowsTimestamped ? min(TimestampedValue.headCount, value.count) : 0
        return StoredRow(
            rowKey: rowKey,
            keyCount: keyCount,
            value: UnsafeRawBufferPointer(rebasing: value[valueStart...]),
            timestampMs: areRowsTimestamped ? TimestampedValue.timestampMs(value) ?? -1 : -1
        )
    }

    private func snapshot(_ range: StoredRange, limit: Int) -> EntrySnapshot {
        func withBytes<Result>(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
            guard let bytes else { return body(nil) }
            return bytes.withUnsafeBytes { body($0) }
        }
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
            case .throughRows(let key):
                withBytes(end(ofRowsThrough: key)) { end in
                    queriedTable.range(from: lower, to: end, descending: range.isDescending, limit: limit)
                }
            }
        }
    }

    /// A row key that comes after the rows of a key and of those before it. Keys that this one begins with are before it,
    /// but their times may be greater than the bytes that it goes on with.
    private func end(ofRowsThrough last: [UInt8]) -> [UInt8] {
        let latest = withUnsafeBytes(of: latestTimeMs.bigEndian) { [UInt8]($0) } + [0xFF]
        return (0...last.count).map { Array(last[..<$0]) + latest }
            .max { $0.lexicographicallyPrecedes($1) } ?? latest
    }
}

/// How much a thread does for one page.
package struct PageLimits: Hashable, Sendable {
    /// The rows that are copied.
    package var rowCountMax: Int
    /// The rows that are looked at, where not all of a range are asked for.
    package var visitedCountMax: Int
    /// About how many bytes are copied: the row that reaches this number is the last one.
    package var byteCountMax = 256 << 10

    /// Pages for reads of an isolation: larger ones where each page waits for a commit.
    package init(_ isolation: QueryIsolation, rowCountMax: Int = .max) {
        let factor = isolation == .committed ? 8 : 1
        self.rowCountMax = min(rowCountMax, 1_024 * factor)
        visitedCountMax = 8_192 * factor
        byteCountMax *= factor
    }
}
