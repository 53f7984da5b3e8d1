import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

// What queries see of each kind of store: only rows that the store's own reads find.

extension KeyValueState: QueriedStore {
    @usableFromInline package var queriedTable: ByteTable { table }
    @usableFromInline package var areRowsTimestamped: Bool { true }

    @usableFromInline
    package func isQueryable(at entry: Int) -> Bool {
        guard let lifetime, let timestampMs = TimestampedValue.timestampMs(table.value(at: entry)) else { return true }
        return timestampMs > lifetime.expiredThroughMs
    }
}

extension KeyValueRows: QueriedStore {
    @usableFromInline package var queriedTable: ByteTable { table }
    @usableFromInline package var areRowsTimestamped: Bool { isTimestamped }
    @usableFromInline
    package func isQueryable(at entry: Int) -> Bool { isVisible(entry) }
}

extension WindowState: QueriedStore {
    @usableFromInline package var queriedTable: ByteTable { windows.rows.bytes }
    @usableFromInline package var timesCount: Int { windows.rows.suffixCount }
    @usableFromInline package var latestTimeMs: Int64 { windows.rows.latestMs }
    @usableFromInline package var areRowsTimestamped: Bool { true }
    @usableFromInline
    package func isQueryable(at entry: Int) -> Bool { windows.rows.isVisible(windows.startMs(at: entry)) }
}

extension WindowRows: QueriedStore {
    @usableFromInline package var queriedTable: ByteTable { windows.rows.bytes }
    @usableFromInline package var timesCount: Int { windows.rows.suffixCount }
    @usableFromInline package var latestTimeMs: Int64 { windows.rows.latestMs }
    @usableFromInline package var areRowsTimestamped: Bool { false }
    @usableFromInline
    package func isQueryable(at entry: Int) -> Bool { windows.rows.isVisible(windows.startMs(at: entry)) }
}

extension SessionState: QueriedStore {
    @usableFromInline package var queriedTable: ByteTable { sessions.rows.bytes }
    @usableFromInline package var timesCount: Int { sessions.rows.suffixCount }
    @usableFromInline package var latestTimeMs: Int64 { sessions.rows.latestMs }
    @usableFromInline package var areRowsTimestamped: Bool { false }
    @usableFromInline
    package func isQueryable(at entry: Int) -> Bool { sessions.rows.isVisible(sessions.endMs(at: entry)) }
}

extension SessionRows: QueriedStore {
    @usableFromInline package var queriedTable: ByteTable { sessions.rows.bytes }
    @usableFromInline package var timesCount: Int { sessions.rows.suffixCount }
    @usableFromInline package var latestTimeMs: Int64 { sessions.rows.latestMs }
    @usableFromInline package var areRowsTimestamped: Bool { false }
    @usableFromInline
    package func isQueryable(at entry: Int) -> Bool { sessions.rows.isVisible(sessions.endMs(at: entry)) }
}

extension VersionedRows: QueriedVersions {
    @usableFromInline package var queriedTable: ByteTable { table.table }
    @usableFromInline package var areRowsTimestamped: Bool { false }
    @usableFromInline
    package func isQueryable(at entry: Int) -> Bool { true }
    var versions: VersionedTable { table }
}
