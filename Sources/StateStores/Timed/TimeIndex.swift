/// Handles of rows in the order of their times, and of arrival where times are equal.
///
/// Rows arrive mostly in order of time, and leave from the front when they expire: both cost a step at an end. A late
/// row is put in its place, by search. A row that is removed stays listed until the owner has it swept out.
struct TimeIndex {
    struct Item {
        var timeMs: Int64
        /// As `ByteTable.handle(of:)` makes it.
        var handle: UInt64
    }

    private static let chunkCountMax = 512

    /// None of them is empty.
    private var chunks: [[Item]] = []
    /// The items at the front of the first chunk that have left.
    private var goneCount = 0
    private(set) var count = 0

    var memoryBytes: Int { chunks.reduce(0) { $0 + $1.capacity * MemoryLayout<Item>.stride } }

    /// The earliest item.
    var first: Item? { chunks.isEmpty ? nil : chunks[0][goneCount] }

    /// The time of the latest item.
    var lastMs: Int64? { chunks.last?.last?.timeMs }

    /// The time of the item that so many others come before; nil if there are not as many.
    func timeMs(at position: Int) -> Int64? {
        var position = position + goneCount
        for chunk in chunks {
            if position < chunk.count { return chunk[position].timeMs }
            position -= chunk.count
        }
        return nil
    }

    mutating func insert(_ item: Item) {
        count += 1
        let last = chunks.count - 1
        guard last >= 0, let latest = chunks[last].last else {
            chunks.append([item])
            return
        }
        if latest.timeMs <= item.timeMs {
            if chunks[last].count < TimeIndex.chunkCountMax {
                chunks[last].append(item)
            } else {
                chunks.append([item])
            }
            return
        }
        let position = position(after: item.timeMs)
        chunks[position.chunk].insert(item, at: position.index)
        splitIfFull(position.chunk)
    }

    private mutating func splitIfFull(_ chunk: Int) {
        guard chunks[chunk].count > TimeIndex.chunkCountMax else { return }
        if chunk == 0, goneCount > 0 {
            chunks[0].removeSubrange(..<goneCount)
            goneCount = 0
            return
        }
        let cut = chunks[chunk].count / 2
        let upper = [Item](chunks[chunk][cut...])
        chunks[chunk].removeSubrange(cut...)
        chunks.insert(upper, at: chunk + 1)
    }

    mutating func removeFirst() {
        precondition(count > 0, "there is a first item")
        count -= 1
        goneCount += 1
        if goneCount == chunks[0].count {
            chunks.removeFirst()
            goneCount = 0
        }
    }

    /// The items of a range of times.
    func forEach(from firstMs: Int64, through lastMs: Int64, _ visit: (Item) -> Void) {
        guard firstMs <= lastMs else { return }
        var (chunk, index) = firstMs == Int64.min ? (0, goneCount) : position(after: firstMs - 1)
        while chunk < chunks.count {
            let items = chunks[chunk]
            while index < items.count {
                if items[index].timeMs > lastMs { return }
                visit(items[index])
                index += 1
            }
            chunk += 1
            index = 0
        }
    }

    /// Keeps the items of which `isKept` is true.
    mutating func sweep(_ isKept: (Item) -> Bool) {
        var kept = TimeIndex()
        forEach(from: Int64.min, through: Int64.max) { if isKept($0) { kept.insert($0) } }
        self = kept
    }

    /// The place of the first item later than a time, found by search.
    private func position(after timeMs: Int64) -> (chunk: Int, index: Int) {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle][chunks[middle].count - 1].timeMs <= timeMs { low = middle + 1 } else { high = middle }
        }
        if low == chunks.count { return (low, 0) }
        let chunk = low
        low = chunk == 0 ? goneCount : 0
        high = chunks[chunk].count
        while low < high {
            let middle = (low + high) / 2
            if chunks[chunk][middle].timeMs <= timeMs { low = middle + 1 } else { high = middle }
        }
        return (chunk, low)
    }
}
