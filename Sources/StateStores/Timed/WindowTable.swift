import MillracePrimitives

/// Rows by key and window start, in memory: what windowed aggregations and stream-stream joins stand on.
///
/// A row's key is laid out as in Kafka's changelogs of window stores: the record's key, the window's start in
/// milliseconds (8 bytes, big-endian) and, with `retainsDuplicates`, a number that tells rows of one key and start apart
/// and gives their order of arrival (4 bytes). One probe serves a read-modify-write:
///
///     let (entry, isNew) = windows.insertOrFind(key, startMs: start)
///     if entry < 0 { … the window is past retention … }
///     windows.rows.bytes.setTimestampedValue(at: entry, timestampMs: timestamp, value)
///     if isNew { windows.rows.didAdd(entry, timeMs: start) }
///
/// A row is visible while its start is later than S - retention, S being the greatest start ever put in. Starts are 0 or
/// later.
///
/// Owned by one stream thread, therefore not `Sendable`.
@usableFromInline
package final class WindowTable {
    /// The rows, their retention and their values.
    @usableFromInline package let rows: TimedRows
    /// Whether a key can have several rows of one start.
    @usableFromInline package let retainsDuplicates: Bool
    /// The number of the next row, with duplicates.
    private var sequence: UInt32 = 0

    /// The bytes of a row's key in a changelog that come after the record's key: start and sequence.
    @inlinable package static var changelogSuffixCount: Int { 12 }

    /// Makes an empty table.
    ///
    /// - Parameters:
    ///   - retentionMs: how long rows are visible, measured in window starts.
    ///   - showsEdge: whether a row whose start is exactly S - retention still is visible, as in the stores behind Kafka's
    ///     emit-on-close aggregations.
    ///   - retainsDuplicates: whether a key can have several rows of one start, which stay in order of arrival.
    ///   - cacheBytesMax: the bound of the record cache in bytes; nil for none.
    @usableFromInline
    package init(
        retentionMs: Int64,
        showsEdge: Bool = false,
        retainsDuplicates: Bool = false,
        cacheBytesMax: Int? = nil
    ) {
        self.retainsDuplicates = retainsDuplicates
        rows = TimedRows(
            retentionMs: retentionMs,
            showsEdge: showsEdge,
            suffixCount: retainsDuplicates ? 12 : 8,
            cacheBytesMax: cacheBytesMax
        )
    }

    // Points

    @inlinable
    func rowKey(_ key: UnsafeRawBufferPointer, _ startMs: Int64) -> UnsafeRawBufferPointer {
        let writer = rows.scratch
        writer.pointee.removeAll()
        writer.pointee.append(key)
        writer.pointee.append(startMs)
        return writer.pointee.bytes
    }

    /// The row of a key and a start, or -1. Not for tables with duplicates.
    @inlinable
    package func find(_ key: UnsafeRawBufferPointer, startMs: Int64) -> Int {
        assert(!retainsDuplicates, "rows with duplicates are fetched, not found")
        if !rows.isVisible(startMs) { return -1 }
        return rows.bytes.find(rowKey(key, startMs))
    }

    /// The row of a key and a start, made if there is none; -1 if the start is past retention. A new row is given a value
    /// and then listed with `rows.didAdd`, or taken back with `rows.remove`. Not for tables with duplicates.
    @inlinable
    package func insertOrFind(_ key: UnsafeRawBufferPointer, startMs: Int64) -> (entry: Int, isNew: Bool) {
        assert(!retainsDuplicates, "rows with duplicates are appended")
        if _slowPath(!rows.isVisible(startMs)) { return (-1, false) }
        return rows.bytes.insertOrFind(rowKey(key, startMs))
    }

    /// Adds a row after those of the same key and start and returns its entry; -1 if the start is past retention. Only for
    /// tables with duplicates.
    @usableFromInline
    package func append(_ key: UnsafeRawBufferPointer, startMs: Int64, _ value: UnsafeRawBufferPointer) -> Int {
        precondition(retainsDuplicates, "a table without duplicates has one row for each key and start")
        // Also of a row that comes too late: what is in the table depends on what was put, not on what was kept.
        rows.observe(startMs)
        if !rows.isVisible(startMs) { return -1 }
        _ = rowKey(key, startMs)
        rows.scratch.pointee.append(sequence)
        sequence = (sequence &+ 1) & WindowTable.sequenceMaximum
        let entry = rows.bytes.put(rows.scratch.pointee.bytes, value)
        rows.didAdd(entry, timeMs: startMs)
        return entry
    }

    /// Kafka's sequence numbers are not negative. When they begin anew, after two thousand million rows, only the order of
    /// rows that share a key and a start with one before that would be lost.
    private static var sequenceMaximum: UInt32 { 0x7FFF_FFFF }

    // A row

    /// The start of a row's window.
    @inlinable
    package func startMs(at entry: Int) -> Int64 { rows.suffix(at: entry, 0) }

    // Changelog

    /// Appends the key of a row as it stands in a changelog: a row without a number of its own has 0.
    @inlinable
    package func appendChangelogKey(of rowKey: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        writer.append(rowKey)
        if !retainsDuplicates { writer.append(UInt32(0)) }
    }

    /// Takes in a row of a changelog; a null value removes it. Bytes that are no row's key are left out. Only before
    /// processing begins.
    @usableFromInline
    package func load(changelogKey: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        let keyCount = changelogKey.count - WindowTable.changelogSuffixCount
        guard keyCount >= 0 else { return }
        let startMs = Int64(bigEndian: changelogKey.loadUnaligned(fromByteOffset: keyCount, as: Int64.self))
        var rowKey = changelogKey
        if retainsDuplicates {
            let number = UInt32(bigEndian: changelogKey.loadUnaligned(fromByteOffset: keyCount + 8, as: UInt32.self))
            sequence = max(sequence, (number &+ 1) & WindowTable.sequenceMaximum)
        } else {
            rowKey = UnsafeRawBufferPointer(rebasing: changelogKey.dropLast(4))
        }
        rows.load(rowKey, timeMs: startMs, value)
    }

    // Reading

    /// The rows of a key whose windows start in a range, by start, then in order of arrival.
    @usableFromInline
    package func fetch(
        _ key: UnsafeRawBufferPointer,
        fromMs: Int64,
        throughMs: Int64,
        descending: Bool = false
    ) -> EntrySnapshot {
        let first = max(fromMs, rows.visibleFromMs, 0)
        guard first <= throughMs else { return .none(of: rows.bytes) }
        return withUnsafeTemporaryAllocation(byteCount: 2 * (key.count + 12), alignment: 1) { buffer in
            let count = key.count + 12
            let low = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            let high = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            for (bound, time, number) in [(low, first, UInt32.min), (high, throughMs, UInt32.max)] {
                bound.copyMemory(from: key)
                bound.storeBytes(of: time.bigEndian, toByteOffset: key.count, as: Int64.self)
                bound.storeBytes(of: number, toByteOffset: key.count + 8, as: UInt32.self)
            }
            let unnumbered = retainsDuplicates ? 0 : 4
            return rows.rows(
                of: key,
                from: UnsafeRawBufferPointer(rebasing: low.dropLast(unnumbered)),
                through: UnsafeRawBufferPointer(high),
                descending: descending,
                where: { _ in true }
            )
        }
    }

    /// The rows of a range of keys, both ends included and nil for an open one, whose windows start in a range of times;
    /// by key, then start, then arrival.
    @usableFromInline
    package func fetchRange(
        fromKey: UnsafeRawBufferPointer?,
        throughKey: UnsafeRawBufferPointer?,
        fromMs: Int64,
        throughMs: Int64,
        descending: Bool = false
    ) -> EntrySnapshot {
        rows.rows(
            from: max(fromMs, rows.visibleFromMs),
            through: throughMs,
            order: .keyThenTimes,
            descending: descending,
            where: { rows.key(at: $0).isKey(from: fromKey, through: throughKey) }
        )
    }

    /// All rows whose windows start in a range, by key, then start, then arrival.
    @usableFromInline
    package func fetchAll(fromMs: Int64, throughMs: Int64, descending: Bool = false) -> EntrySnapshot {
        fetchRange(fromKey: nil, throughKey: nil, fromMs: fromMs, throughMs: throughMs, descending: descending)
    }

    /// Every row, by key, then start, then arrival.
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

    /// The rows whose windows start in a range, by start, then key, those past retention included that are still there:
    /// for emitting windows that have closed.
    @usableFromInline
    package func starting(fromMs: Int64, throughMs: Int64) -> EntrySnapshot {
        rows.rows(from: fromMs, through: throughMs, order: .timeThenKey)
    }
}
