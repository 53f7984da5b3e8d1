import MillracePrimitives

/// Rows by key and session, in memory: what session windows stand on.
///
/// A row's key is laid out as in Kafka's session stores and their changelogs: the record's key, the session's end, its
/// start, both in milliseconds (8 bytes, big-endian); so the sessions of a key lie in the order of their ends.
///
/// A row is visible while its end is later than S - retention, S being the greatest end ever put in. Times are 0 or
/// later. Values and new rows are handled as with `WindowTable`; the time of a row is its session's end.
///
/// Owned by one stream thread, therefore not `Sendable`.
@usableFromInline
package final class SessionTable {
    /// The rows, their retention and their values.
    @usableFromInline package let rows: TimedRows

    /// The bytes of a row's key that come after the record's key: end and start.
    @inlinable package static var suffixCount: Int { 16 }

    /// Makes an empty table.
    ///
    /// - Parameters:
    ///   - retentionMs: how long rows are visible, measured in session ends.
    ///   - showsEdge: whether a row whose end is exactly S - retention still is visible, as in the stores behind Kafka's
    ///     emit-on-close aggregations.
    ///   - cacheBytesMax: the bound of the record cache in bytes; nil for none.
    @usableFromInline
    package init(retentionMs: Int64, showsEdge: Bool = false, cacheBytesMax: Int? = nil) {
        rows = TimedRows(
            retentionMs: retentionMs,
            showsEdge: showsEdge,
            suffixCount: SessionTable.suffixCount,
            cacheBytesMax: cacheBytesMax
        )
    }

    // Points

    @inlinable
    func rowKey(_ key: UnsafeRawBufferPointer, _ startMs: Int64, _ endMs: Int64) -> UnsafeRawBufferPointer {
        let writer = rows.scratch
        writer.pointee.removeAll()
        writer.pointee.append(key)
        writer.pointee.append(endMs)
        writer.pointee.append(startMs)
        return writer.pointee.bytes
    }

    /// The row of one session, or -1: Kafka's `fetchSession`.
    @inlinable
    package func find(_ key: UnsafeRawBufferPointer, startMs: Int64, endMs: Int64) -> Int {
        if !rows.isVisible(endMs) { return -1 }
        return rows.bytes.find(rowKey(key, startMs, endMs))
    }

    /// The row of one session, made if there is none; -1 if its end is past retention. A new row is given a value and then
    /// listed with `rows.didAdd`, or taken back with `rows.remove`.
    @inlinable
    package func insertOrFind(
        _ key: UnsafeRawBufferPointer,
        startMs: Int64,
        endMs: Int64
    ) -> (entry: Int, isNew: Bool) {
        if _slowPath(!rows.isVisible(endMs)) { return (-1, false) }
        return rows.bytes.insertOrFind(rowKey(key, startMs, endMs))
    }

    // A row

    /// The end of a row's session: the time of its last record.
    @inlinable
    package func endMs(at entry: Int) -> Int64 { rows.suffix(at: entry, 0) }

    /// The start of a row's session: the time of its first record.
    @inlinable
    package func startMs(at entry: Int) -> Int64 { rows.suffix(at: entry, 8) }

    // Changelog

    /// Takes in a row of a changelog; a null value removes it. Bytes that are no row's key are left out. Only before
    /// processing begins.
    @usableFromInline
    package func load(changelogKey: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        let keyCount = changelogKey.count - SessionTable.suffixCount
        guard keyCount >= 0 else { return }
        let endMs = Int64(bigEndian: changelogKey.loadUnaligned(fromByteOffset: keyCount, as: Int64.self))
        rows.load(changelogKey, timeMs: endMs, value)
    }

    // Reading

    /// The sessions of a key that end at `earliestEndMs` or later and start at `latestStartMs` or earlier, by end, then
    /// start: those that a record between the two touches.
    @usableFromInline
    package func findSessions(
        _ key: UnsafeRawBufferPointer,
        earliestEndMs: Int64,
        latestStartMs: Int64,
        descending: Bool = false
    ) -> EntrySnapshot {
        let first = max(earliestEndMs, rows.visibleFromMs, 0)
        return withUnsafeTemporaryAllocation(byteCount: 2 * (key.count + 16), alignment: 1) { buffer in
            let count = key.count + 16
            let low = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            let high = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            for (bound, end, start) in [(low, first, Int64(0)), (high, Int64.max, Int64.max)] {
                bound.copyMemory(from: key)
                bound.storeBytes(of: end.bigEndian, toByteOffset: key.count, as: Int64.self)
                bound.storeBytes(of: start.bigEndian, toByteOffset: key.count + 8, as: Int64.self)
            }
            return rows.rows(
                of: key,
                from: UnsafeRawBufferPointer(low),
                through: UnsafeRawBufferPointer(high),
                descending: descending,
                where: { startMs(at: $0) <= latestStartMs }
            )
        }
    }

    /// All sessions of a key, by end, then start.
    @usableFromInline
    package func fetch(_ key: UnsafeRawBufferPointer, descending: Bool = false) -> EntrySnapshot {
        findSessions(key, earliestEndMs: 0, latestStartMs: Int64.max, descending: descending)
    }

    /// The sessions of a range of keys, both ends included and nil for an open one; by key, then end, then start.
    @usableFromInline
    package func fetchRange(
        fromKey: UnsafeRawBufferPointer?,
        throughKey: UnsafeRawBufferPointer?,
        descending: Bool = false
    ) -> EntrySnapshot {
        rows.rows(
            from: rows.visibleFromMs,
            through: Int64.max,
            order: .keyThenTimes,
            descending: descending,
            where: { rows.key(at: $0).isKey(from: fromKey, through: throughKey) }
        )
    }

    /// Every session, by key, then end, then start.
    ///
    /// - Parameter showsExpired: whether to include rows past retention that are still there.
    @usableFromInline
    package func all(descending: Bool = false, showsExpired: Bool = false) -> EntrySnapshot {
        rows.rows(
            from: showsExpired ? Int64.min : rows.visibleFromMs,
            through: Int64.max,
            order: .keyThenTimes,
            descending: descending
        )
    }

    /// The sessions that end in a range of times, by end, then key, then start, those past retention included that are
    /// still there: for emitting sessions that have closed.
    @usableFromInline
    package func ending(fromMs: Int64, throughMs: Int64) -> EntrySnapshot {
        rows.rows(from: fromMs, through: throughMs, order: .timeThenKey)
    }
}
