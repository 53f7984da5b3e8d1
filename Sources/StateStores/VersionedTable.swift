/// The versions of keys over time, in memory: which value a key had at any moment of the last `historyMs` milliseconds.
/// What Kafka Streams calls a versioned key-value store (KIP-889).
///
/// A *version* is a value (or a deletion) and the time from which it is valid; it ends where the next one begins. The
/// *observed time* is the greatest time of any version put so far. What lies more than `historyMs` before it is the
/// past: nothing is put there, and nothing is found there except a version that is still the latest of its key.
///
/// The versions of a key lie one after the other in the key's value in a `ByteTable`, the oldest first, so that the
/// latest is found with one probe and one step back from the end, an earlier one with a step for each version after it,
/// and a version out of order moves only those that come after it.
///
/// **Bounded.** A version that ended before the history begins is dropped when its key is written to, or when the sweep
/// comes by, which looks at a few keys with each write: what is kept in excess is at most what ended during one round.
///
/// **Pointers** that come out are good until the next call that writes, as those of `ByteTable`.
///
/// Owned by one stream thread, therefore not `Sendable`.
@usableFromInline
package final class VersionedTable {
    /// How far back reads and writes reach, in milliseconds before the observed time.
    package let historyMs: Int64
    /// The greatest time of a version that was put; nil before the first.
    package private(set) var observedTimeMs: Int64?
    package let table = ByteTable()
    /// The entry that the sweep looks at next.
    private var sweepPosition = 0

    /// How many keys each write looks at for versions that have ended before the history.
    private static let sweepCount = 2
    /// The bytes that the versions of one key may take.
    package static let historyBytesMax = 1 << 30

    /// Makes an empty table that keeps versions for so many milliseconds.
    package init(historyMs: Int64) {
        precondition(historyMs >= 0, "history goes back in time")
        self.historyMs = historyMs
    }

    /// The number of keys with a version, also those whose latest version is a deletion.
    package var count: Int { table.count }

    /// The bytes reserved.
    package var memoryBytes: Int { table.memoryBytes }

    /// The beginning of the history: what ended by then is gone, and nothing is put before it.
    private var horizonMs: Int64 {
        guard let observedTimeMs else { return Int64.min }
        let (horizon, isBeforeTime) = observedTimeMs.subtractingReportingOverflow(historyMs)
        return isBeforeTime ? Int64.min : horizon
    }

    // Reading

    /// The latest version of a key; nil if there is none or it is a deletion.
    package func get(_ key: UnsafeRawBufferPointer) -> KeyVersion? {
        let entry = table.find(key)
        return entry < 0 ? nil : latest(at: entry)
    }

    /// The version of a key that was valid at a time; nil if there was none, or if it is no longer known.
    package func get(_ key: UnsafeRawBufferPointer, asOf timeMs: Int64) -> KeyVersion? {
        let entry = table.find(key)
        guard entry >= 0 else { return nil }
        let history = VersionHistory(table.value(at: entry))
        var version = history.newest
        var validToMs: Int64?
        // The latest version is found however old it is, and an earlier one within the history only.
        if version.validFromMs > timeMs, timeMs < horizonMs { return nil }
        while version.validFromMs > timeMs {
            validToMs = version.validFromMs
            guard let older = history.version(before: version) else { return nil }
            version = older
        }
        return KeyVersion(version, validToMs: validToMs)
    }

    /// Visits the versions of a key that were valid at any moment from one time through another, the newest first;
    /// deletions are passed over.
    ///
    /// - Parameters:
    ///   - isAscending: whether the oldest comes first instead.
    ///   - visit: says whether to go on.
    package func forEachVersion(
        of key: UnsafeRawBufferPointer,
        from firstMs: Int64,
        through lastMs: Int64,
        ascending isAscending: Bool = false,
        _ visit: (KeyVersion) throws -> Bool
    ) rethrows {
        let entry = table.find(key)
        guard entry >= 0 else { return }
        let history = VersionHistory(table.value(at: entry))
        // What has ended by then is not known any more.
        let earliestEndMs = max(firstMs, horizonMs)
        if isAscending {
            var next: StoredVersion? = history.oldest
            while let version = next, version.validFromMs <= lastMs {
                next = history.version(after: version)
                if let end = next?.validFromMs, end <= earliestEndMs { continue }
                guard let found = KeyVersion(version, validToMs: next?.validFromMs) else { continue }
                if try !visit(found) { return }
            }
            return
        }
        var next: StoredVersion? = history.newest
        var validToMs: Int64?
        while let version = next {
            if let validToMs, validToMs <= earliestEndMs { return }
            if version.validFromMs <= lastMs, let found = KeyVersion(version, validToMs: validToMs) {
                if try !visit(found) { return }
            }
            validToMs = version.validFromMs
            next = history.version(before: version)
        }
    }

    /// Visits the latest version of each key that has one, in no particular order.
    package func forEachLatest(_ visit: (UnsafeRawBufferPointer, KeyVersion) throws -> Void) rethrows {
        for entry in 0..<table.entryEnd where table.hasValue(at: entry) {
            if let version = latest(at: entry) { try visit(table.key(at: entry), version) }
        }
    }

    private func latest(at entry: Int) -> KeyVersion? {
        KeyVersion(VersionHistory(table.value(at: entry)).newest, validToMs: nil)
    }

    // Writing

    /// Whether a version of this time comes too late to be put.
    package func isBeforeHistory(_ timeMs: Int64) -> Bool { timeMs < horizonMs }

    /// Puts a version that is valid from a time on; a nil value deletes the key from then on. It replaces the version of
    /// the same time, if there is one.
    ///
    /// - Parameter expired: is told each version that is dropped because it ended before the history; it does not
    ///   write to the table.
    /// - Throws: `VersionedTableError.historyTooLarge`, and what `expired` throws.
    package func put(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        at timeMs: Int64,
        expired: (_ key: UnsafeRawBufferPointer, _ validFromMs: Int64) throws -> Void
    ) throws -> VersionPlacement {
        if isBeforeHistory(timeMs) { return .notPut }
        let validToMs = try set(key, value, at: timeMs)
        let entry = table.find(key)
        if entry >= 0 { try dropExpired(at: entry, expired) }
        try sweep(expired)
        return validToMs.map(VersionPlacement.until) ?? .latest
    }

    /// Writes a version, whatever the horizon; returns when it ends.
    private func set(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        at timeMs: Int64
    ) throws(VersionedTableError) -> Int64? {
        let size = StoredVersion.size(of: value)
        let (entry, isNew) = table.insertOrFind(key)
        if isNew {
            let body = table.writableValue(at: entry, count: VersionHistory.headCount + size)
            VersionHistory.writeHead(start: VersionHistory.headCount, to: body)
            StoredVersion.write(value, validFromMs: timeMs, to: body + VersionHistory.headCount)
            observedTimeMs = max(observedTimeMs ?? timeMs, timeMs)
            return nil
        }
        let history = VersionHistory(table.value(at: entry))
        guard history.bytes.count + size <= VersionedTable.historyBytesMax else {
            throw .historyTooLarge(bytesMax: VersionedTable.historyBytesMax)
        }
        let place = history.place(of: timeMs)
        let body = splice(at: entry, place.offset, removing: place.replacedSize, inserting: size)
        StoredVersion.write(value, validFromMs: timeMs, to: body + place.offset)
        observedTimeMs = max(observedTimeMs ?? timeMs, timeMs)
        return place.nextValidFromMs
    }

    /// Makes room for a version among those of an entry, and returns where they begin.
    private func splice(at entry: Int, _ offset: Int, removing removed: Int, inserting inserted: Int)
        -> UnsafeMutableRawPointer
    {
        let oldCount = table.value(at: entry).count
        let count = oldCount - removed + inserted
        let tailCount = oldCount - offset - removed
        if inserted < removed {
            let body = table.writableValue(at: entry, count: oldCount)
            (body + offset + inserted).copyMemory(from: body + offset + removed, byteCount: tailCount)
            return table.writableValue(at: entry, count: count)
        }
        let body = table.writableValue(at: entry, count: count)
        if inserted > removed {
            (body + offset + inserted).copyMemory(from: body + offset + removed, byteCount: tailCount)
        }
        return body
    }

    // Dropping

    /// Looks at the next few keys for versions to drop, so that those of keys that are never written to again go too.
    private func sweep(_ expired: (UnsafeRawBufferPointer, Int64) throws -> Void) throws {
        for _ in 0..<VersionedTable.sweepCount {
            if sweepPosition >= table.entryEnd { sweepPosition = 0 }
            let entry = sweepPosition
            sweepPosition += 1
            if entry < table.entryEnd, table.hasValue(at: entry) { try dropExpired(at: entry, expired) }
        }
    }

    /// Drops the versions of an entry that ended before the history, and the entry if only a deletion is left of it.
    private func dropExpired(at entry: Int, _ expired: (UnsafeRawBufferPointer, Int64) throws -> Void) throws {
        let history = VersionHistory(table.value(at: entry))
        let horizon = horizonMs
        var oldest = history.oldest
        while let next = history.version(after: oldest), next.validFromMs <= horizon {
            try expired(table.key(at: entry), oldest.validFromMs)
            oldest = next
        }
        // A deletion at the observed time stays: the greatest time of what is kept is the observed time, always, so that
        // a restored table knows it too.
        if oldest.value == nil, oldest.validFromMs < horizon, history.version(after: oldest) == nil {
            try expired(table.key(at: entry), oldest.validFromMs)
            table.remove(at: entry)
            return
        }
        if oldest.offset > history.start { setStart(oldest.offset, at: entry) }
    }

    /// Makes the versions of an entry begin later; what lies before is garbage until there is as much of it as is kept.
    private func setStart(_ start: Int, at entry: Int) {
        let count = table.value(at: entry).count
        let kept = count - start
        if start - VersionHistory.headCount >= kept {
            let body = table.writableValue(at: entry, count: count)
            (body + VersionHistory.headCount).copyMemory(from: body + start, byteCount: kept)
            VersionHistory.writeHead(start: VersionHistory.headCount, to: body)
            _ = table.writableValue(at: entry, count: VersionHistory.headCount + kept)
        } else {
            VersionHistory.writeHead(start: start, to: table.writableValue(at: entry, count: count))
        }
    }

    // Restoring

    /// Takes in a row of the changelog; see `VersionedRow`. A null value says that the version was dropped.
    ///
    /// Rows are independent of each other, so that it makes no difference which of them the cleaner has removed.
    package func restore(row: UnsafeRawBufferPointer, _ rowValue: UnsafeRawBufferPointer?) throws(VersionedTableError) {
        guard let (key, validFromMs) = VersionedRow.parse(row) else { throw .invalidRow }
        guard let rowValue else { return remove(key, validFromMs: validFromMs) }
        switch VersionedRow.parse(value: rowValue) {
        case .value(let value): _ = try set(key, value, at: validFromMs)
        case .deletion: _ = try set(key, nil, at: validFromMs)
        case .invalid: throw .invalidRow
        }
    }

    private func remove(_ key: UnsafeRawBufferPointer, validFromMs: Int64) {
        let entry = table.find(key)
        guard entry >= 0 else { return }
        let history = VersionHistory(table.value(at: entry))
        let place = history.place(of: validFromMs)
        guard place.replacedSize > 0 else { return }
        if history.bytes.count - history.start == place.replacedSize {
            table.remove(at: entry)
        } else if place.offset == history.start {
            setStart(history.start + place.replacedSize, at: entry)
        } else {
            _ = splice(at: entry, place.offset, removing: place.replacedSize, inserting: 0)
        }
    }
}

/// What became of a version that was put.
@usableFromInline
package enum VersionPlacement: Hashable, Sendable {
    /// It is the latest version of its key.
    case latest
    /// It lies before another version, which begins at this time in milliseconds and ends it.
    case until(Int64)
    /// It was not put: its time lies before the history.
    case notPut
}

/// A version as reads find it; the value lies in the table.
@usableFromInline
package struct KeyVersion {
    /// The value.
    package let value: UnsafeRawBufferPointer
    /// From when on it is valid, in milliseconds.
    package let validFromMs: Int64
    /// When it ends; nil for the latest version.
    package let validToMs: Int64?

    init?(_ version: StoredVersion, validToMs: Int64?) {
        guard let value = version.value else { return nil }
        self.value = value
        validFromMs = version.validFromMs
        self.validToMs = validToMs
    }
}

/// Why versions cannot be kept.
package enum VersionedTableError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The versions of one key take too much memory.
    case historyTooLarge(bytesMax: Int)
    /// A row of a changelog is not one that a versioned store wrote.
    case invalidRow

    package var description: String {
        switch self {
        case .historyTooLarge(let bytesMax):
            "the versions of one key take more than \(bytesMax) bytes; keep history for a shorter time"
        case .invalidRow:
            "a record of the changelog is not a row of a versioned store; the topic belongs to something else"
        }
    }
}
