import MillraceStateStores

/// A state store as its task sees it: restored from a changelog before the first record, flushed before each commit.
@usableFromInline
package protocol TaskStore: CommitParticipant {
    /// The store's name.
    var name: String { get }
    /// Whether there is a changelog to restore from.
    var isLogged: Bool { get }
    /// The topic that the store is restored from instead, up to the committed input offset; nil if there is none.
    var sourceTopic: String? { get }
    /// Takes in one record of the changelog, or of the source topic; a null value removes the key. Throws if no store of this kind wrote it.
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) throws
    /// Takes in several records, in order; none of them has a null key.
    func restore(_ rows: UnsafeBufferPointer<ChangelogRow>) throws
    /// Passes on what was held back: changes to the changelog, and results downstream.
    func flush() throws
    /// The bytes in memory.
    var memoryBytes: Int { get }
}

extension TaskStore {
    @usableFromInline package var sourceTopic: String? { nil }

    @usableFromInline
    package func restore(_ rows: UnsafeBufferPointer<ChangelogRow>) throws {
        for row in rows { try restore(key: row.key, value: row.value, timestamp: row.timestampMs) }
    }

    @usableFromInline
    package func prepareCommit() throws { try flush() }
}
