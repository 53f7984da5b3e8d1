/// Entry handles in the unsigned byte order of their keys, in chunks of bounded size, so that a key is put in or taken
/// out without moving all the others.
///
/// Each handle comes with the first eight bytes of its key, which settle most comparisons without a look at the entry.
struct OrderedKeys {
    struct Item {
        var prefix: UInt64
        var entry: UInt32
    }

    static let chunkCountMax = 512

    private(set) var chunks: [[Item]] = []
    private(set) var count = 0

    var memoryBytes: Int { chunks.reduce(0) { $0 + $1.capacity * MemoryLayout<Item>.stride } }

    init() {}

    /// Sorts `items` by `precedes` and fills the chunks three quarters.
    init(_ items: consuming [Item], by precedes: (Item, Item) -> Bool) {
        var items = items
        items.sort(by: precedes)
        count = items.count
        let fill = OrderedKeys.chunkCountMax / 4 * 3
        for start in stride(from: 0, to: items.count, by: fill) {
            chunks.append([Item](items[start..<min(start + fill, items.count)]))
        }
    }

    /// The place of the first item for which `isBefore` is false; items for which it is true come first.
    func firstPosition(where isBefore: (Item) -> Bool) -> (chunk: Int, index: Int) {
        var low = 0
        var high = chunks.count
        while low < high {
            let middle = (low + high) / 2
            let chunk = chunks[middle]
            if isBefore(chunk[chunk.count - 1]) { low = middle + 1 } else { high = middle }
        }
        if low == chunks.count { return (low, 0) }
        let chunkIndex = low
        low = 0
        high = chunks[chunkIndex].count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(chunks[chunkIndex][middle]) { low = middle + 1 } else { high = middle }
        }
        return (chunkIndex, low)
    }

    mutating func insert(_ item: Item, at position: (chunk: Int, index: Int)) {
        count += 1
        if chunks.isEmpty {
            chunks.append([item])
            return
        }
        var position = position
        if position.chunk == chunks.count {
            position = (chunks.count - 1, chunks[chunks.count - 1].count)
        }
        chunks[position.chunk].insert(item, at: position.index)
        let chunkCount = chunks[position.chunk].count
        if chunkCount > OrderedKeys.chunkCountMax {
            // Keys that only grow (windows, sequence numbers) would leave every chunk half empty if cut in the middle.
            let isAtEnd = position.chunk == chunks.count - 1 && position.index == chunkCount - 1
            let cut = isAtEnd ? chunkCount - 1 : chunkCount / 2
            let upper = [Item](chunks[position.chunk][cut...])
            chunks[position.chunk].removeSubrange(cut...)
            chunks.insert(upper, at: position.chunk + 1)
        }
    }

    mutating func remove(at position: (chunk: Int, index: Int)) {
        count -= 1
        chunks[position.chunk].remove(at: position.index)
        if chunks[position.chunk].isEmpty { chunks.remove(at: position.chunk) }
    }
}
