import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// Which left rows wait for which right row in a foreign-key join, in one task of the right table.
///
/// A row's key is that of the right row, preceded by its length (four bytes, big-endian) so that no other key begins
/// with it, and followed by that of the left row: the left rows of one right row lie side by side, in the order of their
/// keys' bytes. The value is the hash of the left row and its partition.
///
/// Owned by the task's thread; its contents follow from its changelog (invariant 6).
@usableFromInline
final class SubscriptionState: TaskStore {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    private let table = ByteTable()
    private let changelog: ChangelogOutput?
    private let scratch = Scratch()

    @usableFromInline
    init(_ definition: StoreDefinition, in context: TaskContext) {
        name = definition.name
        isLogged = definition.isLogged
        changelog = context.changelog(of: definition)
    }

    @usableFromInline var memoryBytes: Int { table.memoryBytes }

    /// Keeps or forgets a left row.
    @usableFromInline
    func apply(_ subscription: Subscription, to foreignKey: UnsafeRawBufferPointer, _ timestamp: Int64) throws {
        writePrefix(foreignKey)
        scratch.key.pointee.append(subscription.key)
        let key = scratch.key.pointee.bytes
        switch subscription.instruction {
        case .unsubscribe, .unsubscribeAndAnswer:
            if table.remove(key) { try changelog?.append(key: key, value: nil, timestamp: timestamp) }
        case .subscribe, .subscribeAndAnswerMatch:
            guard let hash = subscription.hash else {
                throw SerdeError.invalid("a subscription of a left row that was removed")
            }
            let writer = scratch.value
            writer.pointee.removeAll()
            writer.pointee.append(hash)
            writer.pointee.append(subscription.partition)
            try changelog?.check(keyCount: key.count, valueCount: writer.pointee.count)
            table.put(key, writer.pointee.bytes)
            try changelog?.append(key: key, value: writer.pointee.bytes, timestamp: timestamp)
        }
    }

    /// Visits the left rows that wait for a right row; `visit` gets key, hash and partition, and does not change them.
    @usableFromInline
    func forEach(
        of foreignKey: UnsafeRawBufferPointer,
        _ visit: (UnsafeRawBufferPointer, Hash128, Int32) throws -> Void
    ) throws {
        writePrefix(foreignKey)
        var rows = table.prefix(scratch.key.pointee.bytes)
        let prefixCount = scratch.key.pointee.count
        while let entry = rows.next() {
            let value = table.value(at: entry)
            guard value.count == Self.valueCount else {
                throw SerdeError.invalid("the changelog of \(name) holds a subscription of \(value.count) bytes")
            }
            let hash = Hash128(
                high: UInt64(bigEndian: value.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: value.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
            let partition = Int32(bigEndian: value.loadUnaligned(fromByteOffset: 16, as: Int32.self))
            try visit(UnsafeRawBufferPointer(rebasing: table.key(at: entry)[prefixCount...]), hash, partition)
        }
    }

    private static let valueCount = 20

    private func writePrefix(_ foreignKey: UnsafeRawBufferPointer) {
        scratch.key.pointee.removeAll()
        scratch.key.pointee.append(UInt32(truncatingIfNeeded: foreignKey.count))
        scratch.key.pointee.append(foreignKey)
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        table.load(key, value)
    }

    @usableFromInline
    func flush() throws {}
}
