/// The entries of some keys in order, as they were when the snapshot was taken.
///
/// The keys are those of that moment; values are read when they are asked for. The table may be written to meanwhile:
/// keys added since are not visited, keys removed since are passed over (also when they came back), and a value that was
/// overwritten is read new.
///
/// Owned by the thread that owns the table.
package struct EntrySnapshot: Sequence, IteratorProtocol {
    private let table: ByteTable
    /// The entry in the lower half, its generation at the time in the upper half.
    private let handles: [UInt64]
    private var position = 0

    init(table: ByteTable, handles: [UInt64]) {
        self.table = table
        self.handles = handles
    }

    /// The entry that `next()` would return, without moving on.
    package mutating func peek() -> Int? {
        while position < handles.count {
            let handle = handles[position]
            let entry = Int(UInt32(truncatingIfNeeded: handle))
            if table.isCurrent(entry, generation: UInt32(truncatingIfNeeded: handle >> 32)) { return entry }
            position += 1
        }
        return nil
    }

    /// The handle of the next key that is still there.
    package mutating func next() -> Int? {
        guard let entry = peek() else { return nil }
        position += 1
        return entry
    }

    /// The number of keys at the time of the snapshot.
    package var count: Int { handles.count }
}

extension ByteTable {
    /// Whether an entry still has a value and is the one that had this generation.
    func isCurrent(_ entry: Int, generation: UInt32) -> Bool {
        if entry >= state.pointee.entryEnd { return false }
        let header = state.pointee.header(entry)
        return header.pointee.valueCount >= 0 && header.pointee.generation == generation
    }
}
