import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// Rows of a table that are past their time: each is removed, from the changelog too, and passed on as a deletion, since
/// what comes after the table knows of the row. The deletion has the time at which the row's life ended, and no headers.
///
/// Which rows a record removes follows from the rows and the stream time alone, both of which a restart brings back.
extension KeyValueState {
    /// Removes the next rows that are past their time, up to so many.
    @inlinable
    func expire(countMax: Int, to next: Out<Key, Change<Value>>) throws {
        guard let lifetime else { return }
        var count = 0
        while count < countMax, let entry = lifetime.nextExpired() {
            try removeExpired(entry, lifetime, to: next)
            count += 1
        }
    }

    /// Removes the row of a key that is about to be written to, if it is past its time.
    @inlinable
    func expire(_ key: UnsafeRawBufferPointer, to next: Out<Key, Change<Value>>) throws {
        guard let lifetime else { return }
        let entry = table.find(key)
        guard entry >= 0, let timestampMs = TimestampedValue.timestampMs(table.value(at: entry)),
            timestampMs <= lifetime.expiredThroughMs
        else { return }
        try removeExpired(entry, lifetime, to: next)
    }

    @inlinable
    func removeExpired(_ entry: Int, _ lifetime: RowLifetime, to next: Out<Key, Change<Value>>) throws {
        let bytes = table.value(at: entry)
        let endMs = lifetime.endMs(ofRowAt: TimestampedValue.timestampMs(bytes) ?? 0)
        if isCached {
            table.remove(at: entry)
            held.holdWithoutRecord(entry, endMs)
            if table.isOverCacheBound { try failures.passOn(heldBy: name) { try flush() } }
            return
        }
        // The row's end is not the work of the record that is under way, if one is.
        try failures.passOn(heldBy: name) {
            let row = try guarded.attempt { () throws -> (key: Key, old: Value?) in
                let value = UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...])
                return (try keys.read(table.key(at: entry)), sendsOldValues ? try values.read(value) : nil)
            }
            try changelog?.append(key: table.key(at: entry), value: nil, timestamp: endMs)
            table.remove(at: entry)
            guard let row else { return held.drop(entry) }
            try held.release(entry) { try next.push(row.key, Change(new: nil, old: row.old), endMs) }
        }
    }
}

extension KeyValueState: StreamTimeParticipant {
    @usableFromInline
    func advance(streamTimeMs: Int64) throws { try expiring?.run(self) }
}
