import CMillracePlatform
import MillracePrimitives

/// One record of a changelog as a store takes it in: what a key holds from then on. A view; valid as long as the bytes are
/// that it was read from.
@usableFromInline
package struct ChangelogRow {
    @usableFromInline package var key: UnsafeRawBufferPointer
    /// Nil if the key was removed.
    @usableFromInline package var value: UnsafeRawBufferPointer?
    /// Milliseconds since 1970.
    @usableFromInline package var timestampMs: Int64

    package init(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestampMs: Int64) {
        self.key = key
        self.value = value
        self.timestampMs = timestampMs
    }
}

extension ByteTable {
    /// Takes in rows of a changelog in their order, as values with timestamps, past the first-touch log; only while nothing
    /// is logged. The memory that the keys need is asked for before the first of them is looked for, so that the waits
    /// overlap: best called with a few tens of rows.
    package func load(timestamped rows: UnsafeBufferPointer<ChangelogRow>) {
        precondition(state.pointee.logCount == 0, "a store is restored before it is written to, not between")
        let floor = state.pointee.touchFloor
        state.pointee.touchFloor = 0
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: rows.count) { hashes in
            for index in 0..<rows.count {
                let hash = UInt32(truncatingIfNeeded: Hashes.mix(rows[index].key))
                hashes[index] = hash
                prefetchSlot(of: hash)
            }
            prefetchEntries(of: UnsafeBufferPointer(hashes))
            for index in 0..<rows.count { load(rows[index], hash: hashes[index]) }
        }
        state.pointee.touchFloor = floor
    }

    @inline(__always)
    private func load(_ row: ChangelogRow, hash: UInt32) {
        var entry = probe(row.key, hash: hash)
        guard let value = row.value else {
            if entry >= 0, hasValue(at: entry) { remove(at: entry) }
            return
        }
        if entry < 0 { entry = insert(row.key, hash: hash) }
        setTimestampedValue(at: entry, timestampMs: row.timestampMs, value)
    }
}
