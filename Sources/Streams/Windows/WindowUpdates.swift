import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// What one record makes of several windows: all of it is found out before the first window is stored. So when a function
/// throws, the windows are as they were, and the policy is asked once.
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

        @usableFromInline
        init(startMs: Int64, change: Change<Aggregate>, timestampMs: Int64) {
            self.startMs = startMs
            self.change = change
            self.timestampMs = timestampMs
        }
    }

    @usableFromInline let rows: Rows
    @usableFromInline var updates: [Update] = []

    @inlinable
    init(of rows: Rows) {
        self.rows = rows
    }

    @inlinable
    func begin() { updates.removeAll(keepingCapacity: true) }

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
        updates.append(Update(startMs: startMs, change: Change(new: new, old: old), timestampMs: newTimestamp))
    }

    /// Gives the record's key a window with a value that is known, if it has none there.
    @inlinable
    func plan(from startMs: Int64, known value: Aggregate, _ timestamp: Int64) {
        guard rows.windows.find(rows.scratch.key.pointee.bytes, startMs: startMs) < 0 else { return }
        updates.append(Update(startMs: startMs, change: Change(new: value, old: nil), timestampMs: timestamp))
    }

    /// Stores all of it, and passes it on.
    @inlinable
    func store(_ key: Key, to next: Rows.Target) throws {
        for update in updates {
            let (entry, isNew) = rows.windows.insertOrFind(rows.scratch.key.pointee.bytes, startMs: update.startMs)
            // The store's retention is no shorter than a window takes records, so this one is complete and gone.
            if entry < 0 { continue }
            try rows.write(
                key,
                at: entry,
                isNew: isNew,
                from: update.startMs,
                update.change,
                update.timestampMs,
                to: next
            )
        }
    }
}
