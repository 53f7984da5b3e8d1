import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// What one record makes of several windows: all of it is found out, and written, before the first window is stored. So
/// when a function or a serde throws, the windows are as they were, and the policy is asked once.
///
/// Owned by the operator of one task; used for one record after the other.
@usableFromInline
final class WindowUpdates<Key, Aggregate> {
    @usableFromInline typealias Rows = WindowState<Key, Aggregate>

    @usableFromInline
    struct Update {
        @usableFromInline let startMs: Int64
        @usableFromInline let change: Change<Aggregate>
        @usableFromInline let timestampMs: Int64
        /// Where the new value is in `values`; nil for none.
        @usableFromInline let bytes: Range<Int>?

        @usableFromInline
        init(startMs: Int64, change: Change<Aggregate>, timestampMs: Int64, bytes: Range<Int>?) {
            self.startMs = startMs
            self.change = change
            self.timestampMs = timestampMs
            self.bytes = bytes
        }
    }

    @usableFromInline let rows: Rows
    @usableFromInline var updates: [Update] = []
    /// The new values, one after the other.
    @usableFromInline var values = ByteWriter()

    @inlinable
    init(of rows: Rows) {
        self.rows = rows
    }

    @inlinable
    func begin() {
        updates.removeAll(keepingCapacity: true)
        values.removeAll()
    }

    /// Finds out what becomes of the record's key in a window.
    ///
    /// - Parameters:
    ///   - seed: the value of a row that is not there yet, which it has been told of otherwise.
    ///   - change: takes the value and gives the new one; an aggregation that begins leaves its initial value there, which
    ///     the update tells as the value before it.
    @inlinable
    func plan(
        from startMs: Int64,
        _ timestamp: Int64,
        seed: Aggregate? = nil,
        _ change: (inout Aggregate?) throws -> Aggregate?
    ) throws {
        var value = seed
        var newTimestamp = timestamp
        let entry = rows.windows.find(rows.scratch.key.pointee.bytes, startMs: startMs)
        let isNew = entry < 0
        if !isNew {
            let row = try rows.row(at: entry)
            newTimestamp = max(timestamp, row.timestampMs)
            value = row.value
        }
        let new = try change(&value)
        let old = isNew && seed != nil ? nil : value
        try add(startMs, Change(new: new, old: old), newTimestamp)
    }

    @inlinable
    func add(_ startMs: Int64, _ change: Change<Aggregate>, _ timestamp: Int64) throws {
        var bytes: Range<Int>?
        if try rows.encode(change.new) {
            let start = values.count
            values.append(rows.scratch.value.pointee.bytes)
            bytes = start..<values.count
        }
        updates.append(Update(startMs: startMs, change: change, timestampMs: timestamp, bytes: bytes))
    }

    /// Gives the record's key a window with a value that is known, if it has none there.
    @inlinable
    func plan(from startMs: Int64, known value: Aggregate, _ timestamp: Int64) throws {
        guard rows.windows.find(rows.scratch.key.pointee.bytes, startMs: startMs) < 0 else { return }
        try add(startMs, Change(new: value, old: nil), timestamp)
    }

    /// Stores all of it, and passes it on.
    @inlinable
    func store(_ key: Key, to next: Rows.Target) throws {
        for update in updates {
            let (entry, isNew) = rows.windows.insertOrFind(rows.scratch.key.pointee.bytes, startMs: update.startMs)
            // The store's retention is no shorter than a window takes records, so this one is complete and gone.
            if entry < 0 { continue }
            rows.scratch.value.pointee.removeAll()
            if let bytes = update.bytes {
                rows.scratch.value.pointee.append(UnsafeRawBufferPointer(rebasing: values.bytes[bytes]))
            }
            try rows.write(
                key,
                at: entry,
                isNew: isNew,
                hasValue: update.bytes != nil,
                from: update.startMs,
                update.change,
                update.timestampMs,
                to: next
            )
        }
    }
}
