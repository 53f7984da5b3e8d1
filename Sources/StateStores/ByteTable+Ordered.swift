import MillracePrimitives

/// Access in the order of keys: by unsigned bytes, a prefix before what it begins, as Kafka's stores order them.
///
/// The order is built by the first ordered access (a sort) and then kept up to date by each key that is added or removed
/// (a binary search). After as many such changes without an ordered access as there are keys, it is dropped, so that a
/// store that is read in order once does not pay for it for ever. Overwriting a value never touches it.
///
/// Who cannot wait for the sort of a large table builds the order beforehand in steps, with `advanceOrder`.
extension ByteTable {
    /// Every key.
    package func all(descending: Bool = false) -> EntrySnapshot {
        range(from: nil, through: nil, descending: descending)
    }

    /// The entry of the first key; nil if there is none.
    @usableFromInline
    package func first() -> Int? {
        ensureOrder()
        return orderedKeys.chunks.first?.first.map { Int($0.entry) }
    }

    /// The keys from `first` to `last`, both included as in Kafka's `range`; nil for an open end.
    ///
    /// - Parameter limit: how many keys are wanted at most: with `descending`, the last ones.
    package func range(
        from first: UnsafeRawBufferPointer?,
        through last: UnsafeRawBufferPointer?,
        descending: Bool = false,
        limit: Int = .max
    ) -> EntrySnapshot {
        snapshot(
            from: position(from: first),
            until: { key in last.map { RawBytes.compare(key, $0) > 0 } ?? false },
            descending: descending,
            limit: limit
        )
    }

    /// The keys from `first` up to `end`, which is not included; nil for an open end.
    package func range(
        from first: UnsafeRawBufferPointer?,
        to end: UnsafeRawBufferPointer?,
        descending: Bool = false,
        limit: Int = .max
    ) -> EntrySnapshot {
        snapshot(
            from: position(from: first),
            until: { key in end.map { RawBytes.compare(key, $0) >= 0 } ?? false },
            descending: descending,
            limit: limit
        )
    }

    /// The keys that begin with `prefix`.
    ///
    /// - Parameter limit: how many keys are wanted at most: with `descending`, the last ones.
    package func prefix(
        _ prefix: UnsafeRawBufferPointer,
        descending: Bool = false,
        limit: Int = .max
    ) -> EntrySnapshot {
        snapshot(
            from: position(from: prefix),
            until: { key in
                let head = UnsafeRawBufferPointer(rebasing: key.prefix(prefix.count))
                return RawBytes.compare(head, prefix) > 0
            },
            descending: descending,
            limit: limit
        )
    }

    private func position(from first: UnsafeRawBufferPointer?) -> (chunk: Int, index: Int) {
        ensureOrder()
        guard let first else { return (0, 0) }
        return position(of: first)
    }

    private func snapshot(
        from start: (chunk: Int, index: Int),
        until isPast: (UnsafeRawBufferPointer) -> Bool,
        descending: Bool,
        limit: Int = .max
    ) -> EntrySnapshot {
        // The end is found by search as well, so that only what is returned is walked.
        let end = orderedKeys.firstPosition { item in !isPast(key(at: Int(item.entry))) }
        var handles: [UInt64] = []
        var chunk = descending ? min(end.chunk, orderedKeys.chunks.count - 1) : start.chunk
        while handles.count < limit, chunk >= start.chunk, chunk < orderedKeys.chunks.count, chunk <= end.chunk {
            let items = orderedKeys.chunks[chunk]
            let low = chunk == start.chunk ? start.index : 0
            let high = chunk == end.chunk ? end.index : items.count
            let count = min(max(high - low, 0), limit - handles.count)
            for index in 0..<count {
                handles.append(handle(of: Int(items[descending ? high - 1 - index : low + index].entry)))
            }
            chunk += descending ? -1 : 1
        }
        return EntrySnapshot(table: self, handles: handles)
    }

    private func position(of key: UnsafeRawBufferPointer) -> (chunk: Int, index: Int) {
        let prefix = RawBytes.orderingPrefix(key)
        return orderedKeys.firstPosition { item in
            if item.prefix != prefix { return item.prefix < prefix }
            return RawBytes.precedes(self.key(at: Int(item.entry)), key)
        }
    }

    /// Builds a part of the order, for so many entries; whether the order is there.
    ///
    /// Between two steps the table may be written to: keys of entries that were dealt with are kept in order, those of
    /// later ones wait for their turn.
    package func advanceOrder(entryCountMax: Int) -> Bool {
        precondition(entryCountMax > 0, "each step gets further")
        orderChangesSinceAccess = 0
        if !state.pointee.keepsOrder {
            orderedKeys = OrderedKeys()
            orderedEntryEnd = 0
            state.pointee.keepsOrder = true
        }
        guard orderedEntryEnd < Int.max else { return true }
        let end = min(orderedEntryEnd + entryCountMax, entryEnd)
        for entry in min(orderedEntryEnd, end)..<end where hasValue(at: entry) {
            orderedKeys.insert(orderedItem(entry), at: position(of: key(at: entry)))
        }
        orderedEntryEnd = end < entryEnd ? end : Int.max
        return orderedEntryEnd == Int.max
    }

    private func ensureOrder() {
        orderChangesSinceAccess = 0
        if state.pointee.keepsOrder, orderedEntryEnd == Int.max { return }
        var items: [OrderedKeys.Item] = []
        items.reserveCapacity(count)
        forEach { entry in items.append(orderedItem(entry)) }
        orderedKeys = OrderedKeys(items) { left, right in
            if left.prefix != right.prefix { return left.prefix < right.prefix }
            return RawBytes.precedes(key(at: Int(left.entry)), key(at: Int(right.entry)))
        }
        state.pointee.keepsOrder = true
        orderedEntryEnd = Int.max
    }

    private func orderedItem(_ entry: Int) -> OrderedKeys.Item {
        OrderedKeys.Item(prefix: RawBytes.orderingPrefix(key(at: entry)), entry: UInt32(truncatingIfNeeded: entry))
    }

    /// Called when a key gets its first value, while the order is kept.
    func orderedKeysGained(_ entry: Int) {
        if dropsOrder() || entry >= orderedEntryEnd { return }
        orderedKeys.insert(orderedItem(entry), at: position(of: key(at: entry)))
    }

    /// Called before a key loses its value, while the order is kept.
    func orderedKeysLose(_ entry: Int) {
        if dropsOrder() || entry >= orderedEntryEnd { return }
        orderedKeys.remove(at: position(of: key(at: entry)))
    }

    private func dropsOrder() -> Bool {
        orderChangesSinceAccess += 1
        if orderChangesSinceAccess <= max(1024, orderedKeys.count) { return false }
        orderedKeys = OrderedKeys()
        state.pointee.keepsOrder = false
        return true
    }
}
