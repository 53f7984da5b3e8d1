import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// The records of a left or outer join that have found no partner yet, until one comes or their window closes.
///
/// In the order of time, right before left, then key. The records of one time, side and key are one entry: the key in the
/// table and the changelog is the time (8 bytes, big-endian), the side (1 byte) and the key's bytes, the value is for each
/// record the length of its value (4 bytes) and the value.
///
/// Owned by the task's thread; a function of its committed changelog (invariant 6).
@usableFromInline
final class UnmatchedRows: TaskStore {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    private let table = ByteTable()
    private let changelog: ChangelogOutput?
    private let scratch = Scratch()

    /// One entry; good while the table is not changed.
    struct Row {
        var entry: Int
        var side: JoinSide
        var timeMs: Int64
        var key: UnsafeRawBufferPointer
    }

    private static let headCount = 9

    init(_ definition: StoreDefinition, in context: TaskContext) {
        name = definition.name
        isLogged = definition.isLogged
        changelog = context.changelog(of: definition)
    }

    @usableFromInline var memoryBytes: Int { table.memoryBytes }

    private func rowKey(_ side: JoinSide, _ timeMs: Int64, _ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let writer = scratch.key
        writer.pointee.removeAll()
        writer.pointee.append(timeMs)
        writer.pointee.append(side.rawValue)
        writer.pointee.append(key)
        return writer.pointee.bytes
    }

    /// Adds a record after those of the same time, side and key.
    func add(_ side: JoinSide, timeMs: Int64, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) throws {
        let rowKey = rowKey(side, timeMs, key)
        let writer = scratch.value
        writer.pointee.removeAll()
        if let former = table.get(rowKey) { writer.pointee.append(former) }
        writer.pointee.append(UInt32(value.count))
        writer.pointee.append(value)
        try changelog?.check(keyCount: rowKey.count, valueCount: writer.pointee.count)
        _ = table.put(rowKey, writer.pointee.bytes)
        try changelog?.append(key: rowKey, value: writer.pointee.bytes, timestamp: timeMs)
    }

    /// Removes the records of a time, side and key, if there are any: they have found a partner.
    func remove(_ side: JoinSide, timeMs: Int64, key: UnsafeRawBufferPointer) throws {
        let rowKey = rowKey(side, timeMs, key)
        guard table.remove(rowKey) else { return }
        try changelog?.append(key: rowKey, value: nil, timestamp: timeMs)
    }

    /// Removes an entry that was visited.
    func remove(_ row: Row) throws {
        try remove(row.side, timeMs: row.timeMs, key: row.key)
    }

    /// Visits the entries in their order until `visit` returns false. It may remove the entry that it is at.
    func visitAll(_ visit: (Row) throws -> Bool) rethrows {
        for entry in table.all() {
            let bytes = table.key(at: entry)
            let row = Row(
                entry: entry,
                side: bytes[8] == JoinSide.left.rawValue ? .left : .right,
                timeMs: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)),
                key: UnsafeRawBufferPointer(rebasing: bytes[Self.headCount...])
            )
            guard try visit(row) else { return }
        }
    }

    /// Visits the values of an entry's records, in the order in which they came.
    func forEachValue(of row: Row, _ visit: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        var rest = table.value(at: row.entry)
        while rest.count >= 4 {
            let count = Int(UInt32(bigEndian: rest.loadUnaligned(as: UInt32.self)))
            let end = min(4 + count, rest.count)
            try visit(UnsafeRawBufferPointer(rebasing: rest[4..<end]))
            rest = UnsafeRawBufferPointer(rebasing: rest[end...])
        }
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        // Bytes that no join has written are left out.
        guard key.count >= Self.headCount else { return }
        table.load(key, value)
    }

    @usableFromInline
    func flush() throws {}
}
