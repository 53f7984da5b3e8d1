import MillracePrimitives

/// What window and session tables have in common: rows that each belong to a time, hidden to the millisecond when they
/// are past their retention, and given back to memory some time after, a few with each new row.
///
/// The key of a row in `bytes` is the record's key followed by `suffixCount` bytes of times. Retention is measured from
/// the greatest time of any row ever put in, not from a clock: `observedMs` follows from the changelog (invariant 6).
///
/// Owned by one stream thread, therefore not `Sendable`.
@usableFromInline
package final class TimedRows {
    /// The part that the hot path looks at, behind a pointer: no exclusivity checks.
    @usableFromInline
    struct Horizon {
        /// The greatest time of a row so far; -1 before the first.
        @usableFromInline var observedMs: Int64 = -1
        /// Rows before this are hidden, and are not put in.
        @usableFromInline var visibleFromMs = Int64.min
        /// Rows from this on are kept, hidden or not.
        @usableFromInline var heldFromMs = Int64.max
    }

    /// The rows. Values are read and written through it; keys come and go through the owner only.
    @usableFromInline package let bytes: ByteTable
    /// How long a row is visible, in milliseconds of row times.
    @usableFromInline package let retentionMs: Int64
    @usableFromInline let showsEdge: Bool
    /// The bytes of a row's key after the record's.
    @usableFromInline package let suffixCount: Int
    @usableFromInline let horizon: UnsafeMutablePointer<Horizon>
    /// Where row keys are put together.
    @usableFromInline let scratch: UnsafeMutablePointer<ByteWriter>
    private var index = TimeIndex()
    /// Items of the index whose rows were removed.
    private var sweepableCount = 0

    /// How many rows leave memory for each new one: more than one, so that what expires together is gone before as much
    /// has come again, and few, so that no record waits for it.
    private static let expiredPerNewRow = 4
    /// How many expired rows a table with a record cache keeps. Kafka's cache keeps rows past their retention for as long
    /// as it has room, and shows them to whoever looks into the store; operators do not get to see them.
    private static let lingeringMaximum = 1024

    /// - Parameters:
    ///   - retentionMs: how long rows are visible.
    ///   - showsEdge: whether a row of exactly that age still is.
    ///   - suffixCount: the bytes of a row's key after the record's.
    ///   - cacheBytesMax: the bound of the record cache; nil for none.
    init(retentionMs: Int64, showsEdge: Bool, suffixCount: Int, cacheBytesMax: Int?) {
        precondition(retentionMs >= 0, "retention is checked where the topology is built")
        self.retentionMs = retentionMs
        self.showsEdge = showsEdge
        self.suffixCount = suffixCount
        bytes = ByteTable(remembering: cacheBytesMax == nil ? [] : .dirtyEntries, cacheBytesMax: cacheBytesMax ?? 0)
        horizon = .allocate(capacity: 1)
        horizon.initialize(to: Horizon())
        scratch = .allocate(capacity: 1)
        scratch.initialize(to: ByteWriter())
    }

    deinit {
        horizon.deallocate()
        scratch.deinitialize(count: 1)
        scratch.deallocate()
    }

    @usableFromInline package var memoryBytes: Int { bytes.memoryBytes + index.memoryBytes }

    // Time

    /// The greatest time of a row so far; -1 before the first.
    @usableFromInline package var observedMs: Int64 { horizon.pointee.observedMs }

    /// No row that is listed has a greater time; 0 without rows.
    package var latestMs: Int64 { index.lastMs ?? 0 }

    /// Rows before this are past retention.
    @usableFromInline package var visibleFromMs: Int64 { horizon.pointee.visibleFromMs }

    /// Rows before this are of no use to anybody any more: past retention, and passed on if they were to be.
    @usableFromInline package var neededFromMs: Int64 {
        min(horizon.pointee.visibleFromMs, horizon.pointee.heldFromMs)
    }

    /// Whether rows of a time are within retention.
    @inlinable
    package func isVisible(_ timeMs: Int64) -> Bool { timeMs >= horizon.pointee.visibleFromMs }

    /// Keeps rows from a time on in memory although they may be hidden: they have not been emitted yet.
    @usableFromInline
    package func hold(from timeMs: Int64) { horizon.pointee.heldFromMs = timeMs }

    /// Moves the table's own time on, which hides what is past retention now: called with the time of each row that is put
    /// or removed. With a record cache that counts once it is flushed, as the time of Kafka's stores lies below their caches.
    @usableFromInline
    package func observe(_ timeMs: Int64) {
        if bytes.remembering.isEmpty { advance(to: timeMs) }
    }

    private func advance(to timeMs: Int64) {
        guard timeMs > horizon.pointee.observedMs else { return }
        horizon.pointee.observedMs = timeMs
        let (edge, overflow) = timeMs.subtractingReportingOverflow(retentionMs)
        horizon.pointee.visibleFromMs = overflow ? Int64.min : showsEdge ? edge : edge + 1
    }

    // Rows

    /// Lists a row that has just got its first value, and lets a few expired ones go.
    @usableFromInline
    package func didAdd(_ entry: Int, timeMs: Int64) {
        assert(bytes.hasValue(at: entry), "a row is listed once it has a value")
        observe(timeMs)
        index.insert(TimeIndex.Item(timeMs: timeMs, handle: bytes.handle(of: entry)))
        expire(maximumCount: TimedRows.expiredPerNewRow)
    }

    /// Removes a row, or takes back one that has no value yet.
    @usableFromInline
    package func remove(at entry: Int) {
        if bytes.hasValue(at: entry) { sweepableCount += 1 }
        bytes.remove(at: entry)
        sweepIfWasteful()
    }

    private func sweepIfWasteful() {
        guard sweepableCount > 64, sweepableCount > index.count / 2 else { return }
        index.sweep { bytes.entry(of: $0.handle) != nil }
        sweepableCount = 0
    }

    /// Gives the memory of rows past retention back: no deletion, just that nobody can read them any more. A row whose
    /// last write was not flushed yet waits for that, as do those after it.
    @usableFromInline
    package func expire(maximumCount: Int) {
        let bound = neededFromMs
        let lingering = bytes.remembering.isEmpty ? 0 : TimedRows.lingeringMaximum
        for _ in 0..<maximumCount {
            guard let first = index.first, index.timeMs(at: lingering) ?? Int64.max < bound else { return }
            if let entry = bytes.entry(of: first.handle) {
                if bytes.isLogged(entry) { return }
                bytes.discard(at: entry)
            } else {
                sweepableCount -= 1
            }
            index.removeFirst()
        }
    }

    /// Visits the rows written since the last flush, in the order of the tokens that their writes were noted with, and moves
    /// the table's time on to theirs. A row that this hid in the meantime has no old value, and its deletion is not visited:
    /// below the cache, it is not there.
    @inlinable
    package func flush<Failure: Error>(_ visit: (DirtyEntry) throws(Failure) -> Void) throws(Failure) {
        bytes.sortDirtyByToken()
        var count = 0
        defer { didFlush(count) }
        try bytes.flush { (dirty) throws(Failure) in
            let timeMs = suffix(at: dirty.entry, 0)
            let isHidden = !isVisible(timeMs)
            if isHidden && dirty.newValue == nil { return }
            count += 1
            noteFlushed(timeMs)
            try visit(isHidden ? dirty.withoutOldValue : dirty)
        }
    }

    @usableFromInline
    func noteFlushed(_ timeMs: Int64) { advance(to: timeMs) }

    @usableFromInline
    func didFlush(_ count: Int) { expire(maximumCount: count * TimedRows.expiredPerNewRow) }

    /// Writes what a changelog says; nil removes the row. Only before processing begins.
    func load(_ rowKey: UnsafeRawBufferPointer, timeMs: Int64, _ value: UnsafeRawBufferPointer?) {
        advance(to: timeMs)
        let wasThere = bytes.find(rowKey) >= 0
        if let value, isVisible(timeMs) || timeMs >= horizon.pointee.heldFromMs {
            bytes.load(rowKey, value)
            if !wasThere { didAdd(bytes.find(rowKey), timeMs: timeMs) }
        } else if wasThere {
            bytes.load(rowKey, nil)
            sweepableCount += 1
            sweepIfWasteful()
        }
    }

    // Reading

    /// The record's key of a row.
    @inlinable
    package func key(at entry: Int) -> UnsafeRawBufferPointer {
        let rowKey = bytes.key(at: entry)
        return UnsafeRawBufferPointer(rebasing: rowKey.prefix(rowKey.count &- suffixCount))
    }

    /// The number that is `offset` bytes after a row's key.
    @inlinable
    func suffix(at entry: Int, _ offset: Int) -> Int64 {
        let rowKey = bytes.key(at: entry)
        return Int64(
            bigEndian: rowKey.loadUnaligned(fromByteOffset: rowKey.count &- suffixCount &+ offset, as: Int64.self)
        )
    }

    /// Of the rows between two row keys of one record key, in their order, those that are of that key, that `isIncluded`
    /// and are within retention.
    ///
    /// Among the bytes of a key with its times there may be those of a longer key: it is left out.
    func rows(
        of key: UnsafeRawBufferPointer,
        from first: UnsafeRawBufferPointer,
        through last: UnsafeRawBufferPointer,
        descending: Bool,
        where isIncluded: (Int) -> Bool
    ) -> EntrySnapshot {
        let rowKeyCount = key.count + suffixCount
        return bytes.range(from: first, through: last, descending: descending).filtered { entry in
            let rowKey = bytes.key(at: entry)
            return rowKey.count == rowKeyCount
                && RawBytes.compare(UnsafeRawBufferPointer(rebasing: rowKey.prefix(key.count)), key) == 0
                && isIncluded(entry)
        }
    }

    /// The order of rows of several keys.
    enum Order {
        case keyThenTimes
        case timeThenKey
    }

    private struct Selected {
        var timeMs: Int64
        var prefix: UInt64
        var handle: UInt64
    }

    /// The rows of a range of times that `isIncluded`, sorted; hidden ones too.
    func rows(
        from firstMs: Int64,
        through lastMs: Int64,
        order: Order,
        descending: Bool = false,
        where isIncluded: (Int) -> Bool = { _ in true }
    ) -> EntrySnapshot {
        var selected: [Selected] = []
        index.forEach(from: firstMs, through: lastMs) { item in
            guard let entry = bytes.entry(of: item.handle), isIncluded(entry) else { return }
            selected.append(
                Selected(
                    timeMs: order == .timeThenKey ? item.timeMs : 0,
                    prefix: RawBytes.orderingPrefix(key(at: entry)),
                    handle: item.handle
                )
            )
        }
        selected.sort { left, right in
            if left.timeMs != right.timeMs { return left.timeMs < right.timeMs }
            if left.prefix != right.prefix { return left.prefix < right.prefix }
            return precedes(left.handle, right.handle)
        }
        if descending { selected.reverse() }
        return EntrySnapshot(table: bytes, handles: selected.map(\.handle))
    }

    /// By key, then by the times after it: not as the bytes of both together, where a longer key may come between.
    private func precedes(_ left: UInt64, _ right: UInt64) -> Bool {
        let leftEntry = Int(UInt32(truncatingIfNeeded: left))
        let rightEntry = Int(UInt32(truncatingIfNeeded: right))
        let byKey = RawBytes.compare(key(at: leftEntry), key(at: rightEntry))
        if byKey != 0 { return byKey < 0 }
        return RawBytes.precedes(bytes.key(at: leftEntry), bytes.key(at: rightEntry))
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a key lies between two, both included; nil for an open end.
    func isKey(from first: UnsafeRawBufferPointer?, through last: UnsafeRawBufferPointer?) -> Bool {
        if let first, RawBytes.compare(self, first) < 0 { return false }
        if let last, RawBytes.compare(self, last) > 0 { return false }
        return true
    }
}
