/// The entries of some keys in order, as they were when the snapshot was taken.
///
/// The keys are those of that moment; values are read when they are asked for. The table may be written to meanwhile:
/// keys added since are not visited, keys removed since are passed over (also when they came back), and a value that was
/// overwritten is read new.
///
/// Owned by the thread that owns the table.
@usableFromInline
package struct EntrySnapshot: Sequence, IteratorProtocol {
    private let table: ByteTable
    /// The entry in the lower half, its generation at the time in the upper half.
    private let handles: [UInt64]
    private var position = 0

    init(table: ByteTable, handles: [UInt64]) {
        self.table = table
        self.handles = handles
    }

    /// A snapshot of nothing.
    static func none(of table: ByteTable) -> EntrySnapshot { EntrySnapshot(table: table, handles: []) }

    /// What is left when only some entries are kept.
    consuming func filtered(_ isKept: (Int) -> Bool) -> EntrySnapshot {
        if handles.allSatisfy({ isKept(Int(UInt32(truncatingIfNeeded: $0))) }) { return self }
        return EntrySnapshot(table: table, handles: handles.filter { isKept(Int(UInt32(truncatingIfNeeded: $0))) })
    }

    /// The entry that `next()` would return, without moving on.
    package mutating func peek() -> Int? {
        while position < handles.count {
            if let entry = table.entry(of: handles[position]) { return entry }
            position += 1
        }
        return nil
    }

    /// The handle of the next key that is still there.
    @usableFromInline
    package mutating func next() -> Int? {
        guard let entry = peek() else { return nil }
        position += 1
        return entry
    }

    /// The number of keys at the time of the snapshot.
    package var count: Int { handles.count }
}

extension ByteTable {
    /// An entry together with how often it lost its value so far: what a snapshot and an index remember of it.
    func handle(of entry: Int) -> UInt64 {
        UInt64(state.pointee.header(entry).pointee.generation) << 32 | UInt64(entry)
    }

    /// The entry that a handle was made of, if it has had a value ever since.
    func entry(of handle: UInt64) -> Int? {
        let entry = Int(UInt32(truncatingIfNeeded: handle))
        if entry >= state.pointee.entryEnd { return nil }
        let header = state.pointee.header(entry)
        let isSame = header.pointee.generation == UInt32(truncatingIfNeeded: handle >> 32)
        return isSame && header.pointee.valueCount >= 0 ? entry : nil
    }
}
