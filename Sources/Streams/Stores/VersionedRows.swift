import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's versioned store, in bytes: the versions, and their way to the changelog. The typed stores stand around it.
///
/// It is never cached: which versions there are depends on every single one. Owned by the task's thread. A store's
/// contents follow from its committed changelog (invariant 6), whose rows are those of `VersionedRow`.
@usableFromInline
final class VersionedRows: TaskStore {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    @usableFromInline let table: VersionedTable
    private let changelog: ChangelogOutput?
    private var row = ByteWriter()
    private var rowValue = ByteWriter()

    @usableFromInline
    init(_ definition: StoreDefinition, historyMs: Int64, in context: TaskContext) {
        name = definition.name
        isLogged = definition.isLogged
        table = VersionedTable(historyMs: historyMs)
        changelog = context.changelog(of: definition)
    }

    @usableFromInline var memoryBytes: Int { table.memoryBytes }

    /// Puts a version, or a deletion.
    @usableFromInline
    func put(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        validFromMs: Int64
    ) throws -> VersionPlacement {
        try check(keyCount: key.count, valueCount: value?.count ?? 0)
        let placement: VersionPlacement
        do {
            placement = try table.put(key, value, at: validFromMs) { key, validFromMs in
                try log(key, validFromMs, timestampMs: validFromMs, nil)
            }
        } catch let error as VersionedTableError {
            throw StoreError(error, store: name)
        }
        guard placement != .notPut, isLogged else { return placement }
        rowValue.removeAll()
        rowValue.append(value == nil ? VersionedRow.deletionMark : VersionedRow.valueMark)
        if let value { rowValue.append(value) }
        try log(key, validFromMs, timestampMs: validFromMs, rowValue.bytes)
        return placement
    }

    /// Throws if a version of so many bytes is larger than the changelog takes.
    @usableFromInline
    func check(keyCount: Int, valueCount: Int) throws {
        try changelog?.check(keyCount: keyCount + VersionedRow.timeCount, valueCount: valueCount + 1)
    }

    private func log(
        _ key: UnsafeRawBufferPointer,
        _ validFromMs: Int64,
        timestampMs: Int64,
        _ value: UnsafeRawBufferPointer?
    ) throws {
        guard let changelog else { return }
        row.removeAll()
        VersionedRow.writeKey(key, validFromMs: validFromMs, to: &row)
        try changelog.append(key: row.bytes, value: value, timestamp: timestampMs)
    }

    @usableFromInline
    func flush() {}

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) throws {
        do throws(VersionedTableError) {
            try table.restore(row: key, value)
        } catch {
            throw StoreError(error, store: name)
        }
    }
}

extension VersionedRows: InspectableVersionedStore {
    @usableFromInline
    func withVersion(
        of key: UnsafeRawBufferPointer,
        asOf timeMs: Int64?,
        _ visit: (UnsafeRawBufferPointer, Int64, Int64?) throws -> Void
    ) throws {
        guard let version = timeMs.map({ table.get(key, asOf: $0) }) ?? table.get(key) else { return }
        try visit(version.value, version.validFromMs, version.validToMs)
    }
}

extension StoreError {
    init(_ error: VersionedTableError, store: String) {
        switch error {
        case .historyTooLarge(let bytesMax): self = .historyTooLarge(store: store, bytesMax: bytesMax)
        case .invalidRow: self = .invalidChangelog(store: store)
        }
    }
}
