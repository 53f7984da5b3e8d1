import MillracePrimitives

/// Which rows of a table with timestamps are to go next: those with the smallest timestamp first, in the order of their
/// keys where timestamps are equal. The order follows from the rows alone, so that a restored table loses the same rows
/// in the same order.
///
/// A row stands in an index under a time no later than its own. When its turn comes and it has been written to since, it
/// is put back under its new time: a row that is written to often costs next to nothing.
///
/// Owned by one stream thread, therefore not `Sendable`.
@usableFromInline
package final class RowExpiry {
    private let table: ByteTable
    private var index = TimeIndex()
    /// The rows of the smallest timestamp, the last key first, with that timestamp.
    private var due: [UInt64] = []
    private var dueMs = Int64.min
    /// No row that is listed has a smaller timestamp.
    @usableFromInline package private(set) var earliestMs = Int64.max

    /// Watches over a table, which is still empty.
    package init(_ table: ByteTable) {
        self.table = table
    }

    package var memoryBytes: Int { index.memoryBytes + due.capacity * MemoryLayout<UInt64>.stride }

    /// Lists a row that has just been written.
    ///
    /// - Parameter oldMs: the timestamp that it had before; nil for a new row.
    @inlinable
    package func didWrite(_ entry: Int, timestampMs: Int64, oldMs: Int64?) {
        if let oldMs, oldMs <= timestampMs { return }
        list(entry, timestampMs: timestampMs)
    }

    @usableFromInline
    func list(_ entry: Int, timestampMs: Int64) {
        earliestMs = min(earliestMs, timestampMs)
        index.insert(TimeIndex.Item(timeMs: timestampMs, handle: table.handle(of: entry)))
        // Rows that are removed, or go back in time, leave items behind.
        if index.count > 2 * table.count + 64 { relist() }
    }

    private func relist() {
        var items: [TimeIndex.Item] = []
        items.reserveCapacity(table.count)
        for entry in 0..<table.entryEnd where table.hasValue(at: entry) {
            items.append(TimeIndex.Item(timeMs: timestampMs(at: entry), handle: table.handle(of: entry)))
        }
        items.sort { $0.timeMs < $1.timeMs }
        index = TimeIndex()
        due = []
        for item in items { index.insert(item) }
        earliestMs = items.first?.timeMs ?? Int64.max
    }

    /// The row that goes next, if its timestamp is no later than `lastMs`. The caller removes it, or asks again.
    @usableFromInline
    package func next(through lastMs: Int64) -> Int? {
        while true {
            if let handle = due.last, dueMs <= lastMs, dueMs < index.first?.timeMs ?? Int64.max {
                if let entry = table.entry(of: handle) {
                    let actualMs = timestampMs(at: entry)
                    if actualMs == dueMs { return entry }
                    // It was written to while it was due, and is not in the index.
                    if actualMs > dueMs { index.insert(TimeIndex.Item(timeMs: actualMs, handle: handle)) }
                }
                due.removeLast()
            } else if let first = index.first?.timeMs, first <= lastMs {
                collect(first)
            } else {
                earliestMs = min(due.isEmpty ? Int64.max : dueMs, index.first?.timeMs ?? Int64.max)
                return nil
            }
        }
    }

    /// Makes the rows of one timestamp due; those that were written to since they were listed are put back.
    private func collect(_ timeMs: Int64) {
        // Rows of an earlier time have come meanwhile; they go first.
        for handle in due where dueMs != timeMs { index.insert(TimeIndex.Item(timeMs: dueMs, handle: handle)) }
        if dueMs != timeMs { due = [] }
        dueMs = timeMs
        while let first = index.first, first.timeMs == timeMs {
            index.removeFirst()
            guard let entry = table.entry(of: first.handle) else { continue }
            let actualMs = timestampMs(at: entry)
            if actualMs == timeMs {
                due.append(first.handle)
            } else if actualMs > timeMs {
                index.insert(TimeIndex.Item(timeMs: actualMs, handle: first.handle))
            }
        }
        due.removeAll { table.entry(of: $0) == nil }
        due.sort { left, right in
            let leftKey = table.key(at: Int(UInt32(truncatingIfNeeded: left)))
            return RawBytes.precedes(table.key(at: Int(UInt32(truncatingIfNeeded: right))), leftKey)
        }
    }

    private func timestampMs(at entry: Int) -> Int64 { TimestampedValue.timestampMs(table.value(at: entry)) ?? 0 }
}
