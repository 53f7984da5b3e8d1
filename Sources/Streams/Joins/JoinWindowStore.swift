import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// The records of one side of a join, for as long as one of the other side may come that joins them.
///
/// Owned by the task's thread. A function of its committed changelog (invariant 6), whose records are keyed as those of
/// Kafka's window stores: key, time, and a number that keeps records of one key and time apart.
@usableFromInline
final class JoinWindowStore: ExpiringStore {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    private let table: WindowTable
    private let changelog: ChangelogOutput?
    private let changelogKey = Scratch()

    init(_ definition: StoreDefinition, retentionMs: Int64, in context: TaskContext) {
        name = definition.name
        isLogged = definition.isLogged
        table = WindowTable(retentionMs: retentionMs, retainsDuplicates: true)
        changelog = context.changelog(of: definition)
    }

    @usableFromInline var memoryBytes: Int { table.rows.memoryBytes }
    @usableFromInline var timedRows: TimedRows { table.rows }

    /// Throws if a record of so many bytes is larger than the changelog takes.
    @usableFromInline
    func check(keyCount: Int, valueCount: Int) throws {
        try changelog?.check(keyCount: keyCount + WindowTable.changelogSuffixCount, valueCount: valueCount)
    }

    /// Keeps a record; one that is past retention already is left out.
    ///
    /// - Returns: whether it is kept.
    @usableFromInline
    func put(_ key: UnsafeRawBufferPointer, timeMs: Int64, _ value: UnsafeRawBufferPointer) throws -> Bool {
        let entry = table.append(key, startMs: timeMs, value)
        guard entry >= 0 else { return false }
        guard let changelog else { return true }
        let writer = changelogKey.key
        writer.pointee.removeAll()
        table.appendChangelogKey(of: table.rows.bytes.key(at: entry), to: &writer.pointee)
        try changelog.append(key: writer.pointee.bytes, value: value, timestamp: timeMs)
        return true
    }

    /// Visits the records of a key in a range of times, both ends included, by time, then arrival. Those that are
    /// put meanwhile are not visited.
    func forEachRecord(
        of key: UnsafeRawBufferPointer,
        fromMs: Int64,
        throughMs: Int64,
        _ visit: (_ timeMs: Int64, _ value: UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        for entry in table.fetch(key, fromMs: fromMs, throughMs: throughMs) {
            try visit(table.startMs(at: entry), table.rows.bytes.value(at: entry))
        }
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        table.load(changelogKey: key, value)
    }

    @usableFromInline
    func flush() throws {}
}
