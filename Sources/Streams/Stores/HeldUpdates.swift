import MillraceStateStores
import MillraceStreamsRuntime

/// What a cached store notes of the updates that it holds back: the time of the last write to each row, its place among
/// all writes, and the headers of the record behind it.
///
/// Owned by the store.
@usableFromInline
final class HeldUpdates {
    @usableFromInline let rows: ByteTable
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    /// The headers of the last write of each row that is held back, if it had any; at most one for each dirty row.
    private var headers: [Int: [UInt8]] = [:]

    @usableFromInline
    init(of rows: ByteTable, record: UnsafeMutablePointer<CurrentRecord>) {
        self.rows = rows
        self.record = record
    }

    /// Notes the write behind an update.
    @inlinable
    func hold(_ entry: Int, _ timestamp: Int64) {
        note(entry, timestamp)
        if record.pointee.headers.count > 0 || record.pointee.hasCachedHeaders { holdHeaders(entry) }
    }

    /// Notes a write that no record is behind, as that of a row whose time is over.
    @usableFromInline
    func holdWithoutRecord(_ entry: Int, _ timestamp: Int64) {
        note(entry, timestamp)
        headers[entry] = nil
    }

    @inlinable
    func note(_ entry: Int, _ timestamp: Int64) {
        record.pointee.cachedUpdates &+= 1
        rows.noteContext(at: entry, TouchContext(timestampMs: timestamp, token: record.pointee.cachedUpdates))
    }

    @usableFromInline
    func holdHeaders(_ entry: Int) {
        record.pointee.hasCachedHeaders = true
        let current = record.pointee.headers
        headers[entry] = current.count > 0 ? [UInt8](current) : nil
    }

    /// Passes on what was held back, with the headers of its last write; the record under way, if there is one, keeps its
    /// own for the operators after this one.
    @inlinable
    func release(_ entry: Int, _ pass: () throws -> Void) throws {
        let headers = record.pointee.headers
        defer { record.pointee.headers = headers }
        record.pointee.headers = UnsafeRawBufferPointer(start: nil, count: 0)
        guard record.pointee.hasCachedHeaders, let held = takeHeaders(entry) else { return try pass() }
        try held.withUnsafeBytes { bytes in
            record.pointee.headers = bytes
            try pass()
        }
    }

    /// Forgets what was noted of an update that is not passed on.
    @usableFromInline
    func drop(_ entry: Int) { headers[entry] = nil }

    @usableFromInline
    func takeHeaders(_ entry: Int) -> [UInt8]? { headers.removeValue(forKey: entry) }
}

/// What a store does at a flush, as a closure in a struct so that it is wrapped in no further thunk; specialised for the
/// types where the operator was composed, as a call through `TaskStore` would run unspecialised code for every row.
@usableFromInline
struct FlushAction<Store: AnyObject> {
    /// Called with the store, which would otherwise hold itself.
    @usableFromInline let run: (Store) throws -> Void

    @inlinable
    init(_ run: @escaping (Store) throws -> Void) {
        self.run = run
    }
}
