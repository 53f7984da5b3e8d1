import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// The updates that a suppression holds back in one task: the newest of each row, in the order in which they are due.
///
/// Bytes in a `ByteTable` by the row's key, and a second one with the order. What was changed goes to the changelog at each
/// commit, so that a buffer survives its task. Owned by the task's thread.
@usableFromInline
final class SuppressionState<Key, Value>: TaskStore {
    @usableFromInline typealias Target = Out<Key, Change<Value>>

    /// What comes before the bytes of an update: when it is due, its timestamp, and the lengths of the value before the
    /// first update held back, of the new value and of the headers; -1 for no value.
    @usableFromInline
    struct Head {
        @usableFromInline static var byteCount: Int { 28 }

        @usableFromInline let dueMs: Int64
        @usableFromInline let timestampMs: Int64
        @usableFromInline let priorCount: Int
        @usableFromInline let newCount: Int
        @usableFromInline let headersCount: Int

        @usableFromInline
        init?(_ body: UnsafeRawBufferPointer) {
            guard body.count >= Head.byteCount else { return nil }
            dueMs = Int64(bigEndian: body.loadUnaligned(as: Int64.self))
            timestampMs = Int64(bigEndian: body.loadUnaligned(fromByteOffset: 8, as: Int64.self))
            priorCount = Int(Int32(bigEndian: body.loadUnaligned(fromByteOffset: 16, as: Int32.self)))
            newCount = Int(Int32(bigEndian: body.loadUnaligned(fromByteOffset: 20, as: Int32.self)))
            headersCount = Int(Int32(bigEndian: body.loadUnaligned(fromByteOffset: 24, as: Int32.self)))
            guard priorCount >= -1, newCount >= -1, headersCount >= 0,
                Head.byteCount + max(0, priorCount) + max(0, newCount) + headersCount == body.count
            else { return nil }
        }

        @usableFromInline
        func prior(_ body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
            part(body, at: Head.byteCount, priorCount)
        }

        @usableFromInline
        func new(_ body: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
            part(body, at: Head.byteCount + max(0, priorCount), newCount)
        }

        @usableFromInline
        func headers(_ body: UnsafeRawBufferPointer) -> [UInt8] {
            [UInt8](body.suffix(headersCount))
        }

        private func part(_ body: UnsafeRawBufferPointer, at offset: Int, _ count: Int) -> UnsafeRawBufferPointer? {
            count < 0 ? nil : UnsafeRawBufferPointer(rebasing: body[offset..<offset + count])
        }
    }

    /// An update on its way on.
    @usableFromInline
    struct Due {
        @usableFromInline let key: Key
        @usableFromInline let change: Change<Value>
        @usableFromInline let timestampMs: Int64
        @usableFromInline let headers: [UInt8]

        @usableFromInline
        init(key: Key, change: Change<Value>, timestampMs: Int64, headers: [UInt8]) {
            self.key = key
            self.change = change
            self.timestampMs = timestampMs
            self.headers = headers
        }
    }

    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    @usableFromInline let rows: ByteTable
    /// Keys of 8 bytes of due time and the row's key, without values.
    private let order = ByteTable()
    private let changelog: ChangelogOutput?
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    /// Runs the serdes: when one throws, what is held back stays as it was.
    @usableFromInline let guarded: OperatorGuard
    @usableFromInline let scratch = Scratch()
    private let orderKey = Scratch()

    /// The bytes changed since the last commit past which they are written to the changelog before it.
    private static var dirtyBytesMaximum: Int { 1 << 20 }

    @usableFromInline
    init(
        _ definition: StoreDefinition,
        of operatorName: String,
        in context: TaskContext,
        keys: Serde<Key>,
        values: Serde<Value>
    ) {
        name = definition.name
        guarded = context.guarded(operatorName)
        isLogged = definition.isLogged
        rows = ByteTable(
            remembering: definition.isLogged ? .dirtyEntries : [],
            cacheBytesMax: SuppressionState.dirtyBytesMaximum
        )
        changelog = context.changelog(of: definition)
        self.keys = keys
        self.values = values
        record = context.record
    }

    @usableFromInline var memoryBytes: Int { rows.memoryBytes + order.memoryBytes }

    /// The rows held back.
    @usableFromInline var count: Int { rows.count }

    /// Their bytes.
    @usableFromInline var byteCount: Int { rows.byteCount }

    /// Holds an update back. A row that is held back already keeps its place and the value before it, and takes the rest
    /// of the newer update. A key that its serde writes as null is left out.
    @inlinable
    func hold(_ key: Key, _ change: Change<Value>, _ timestamp: Int64, dueMs: Int64) throws {
        guard let isNew = try guarded.attempt({ try encode(key, change, timestamp, dueMs: dueMs) }), let isNew else {
            return
        }
        try put(scratch.key.pointee.bytes, scratch.value.pointee.bytes, dueMs: isNew ? dueMs : nil)
    }

    /// Writes a row to `scratch`; whether it is a new one, nil if its key's serde writes that as null.
    @inlinable
    func encode(_ key: Key, _ change: Change<Value>, _ timestamp: Int64, dueMs: Int64) throws -> Bool? {
        scratch.key.pointee.removeAll()
        guard try keys.write(key, &scratch.key.pointee) else { return nil }
        let writer = scratch.value
        writer.pointee.removeAll()
        writer.pointee.append(zeros: Head.byteCount)
        let existing = existing(scratch.key.pointee.bytes)
        var priorCount = -1
        if let existing {
            if let prior = existing.head.prior(existing.body) { writer.pointee.append(prior) }
            priorCount = existing.head.priorCount
        } else if let old = change.old, try values.write(old, &writer.pointee) {
            priorCount = writer.pointee.count - Head.byteCount
        }
        let newStart = writer.pointee.count
        var newCount = -1
        if let new = change.new, try values.write(new, &writer.pointee) { newCount = writer.pointee.count - newStart }
        let headers = record.pointee.headers
        writer.pointee.append(headers)
        writer.pointee.overwrite(at: 0, with: existing?.head.dueMs ?? dueMs)
        writer.pointee.overwrite(at: 8, with: timestamp)
        writer.pointee.overwrite(at: 16, with: Int32(truncatingIfNeeded: priorCount))
        writer.pointee.overwrite(at: 20, with: Int32(truncatingIfNeeded: newCount))
        writer.pointee.overwrite(at: 24, with: Int32(truncatingIfNeeded: headers.count))
        try checkSize()
        return existing == nil
    }

    /// Throws if the row in `scratch` is larger than the changelog takes.
    @usableFromInline
    func checkSize() throws {
        try changelog?.check(keyCount: scratch.key.pointee.count, valueCount: scratch.value.pointee.count)
    }

    @usableFromInline
    func existing(_ key: UnsafeRawBufferPointer) -> (head: Head, body: UnsafeRawBufferPointer)? {
        guard let body = rows.get(key), let head = Head(body) else { return nil }
        return (head, body)
    }

    /// - Parameter dueMs: of a new row, when it is due.
    @usableFromInline
    func put(_ key: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, dueMs: Int64?) throws {
        rows.put(key, body)
        if let dueMs { order.put(ordering(key, dueMs), UnsafeRawBufferPointer(start: nil, count: 0)) }
        if rows.isOverCacheBound { try flush() }
    }

    /// A row's key after its due time, which sorts as numbers do.
    private func ordering(_ key: UnsafeRawBufferPointer, _ dueMs: Int64) -> UnsafeRawBufferPointer {
        orderKey.key.pointee.removeAll()
        orderKey.key.pointee.append(UInt64(bitPattern: dueMs) ^ (1 << 63))
        orderKey.key.pointee.append(key)
        return orderKey.key.pointee.bytes
    }

    /// When the first row is due; nil if there is none.
    @usableFromInline var firstDueMs: Int64? {
        guard let entry = order.first() else { return nil }
        return Int64(bitPattern: UInt64(bigEndian: order.key(at: entry).loadUnaligned(as: UInt64.self)) ^ (1 << 63))
    }

    /// Takes the first row out; nil if there is none, or it cannot be read and is left out.
    @inlinable
    func takeFirst() throws -> Due? {
        guard let first = firstRow() else { return nil }
        let due = try guarded.attempt {
            let body = rows.value(at: first)
            guard let head = Head(body) else { throw SerdeError.invalid("it is no update that was held back") }
            return Due(
                key: try keys.read(rows.key(at: first)),
                change: Change(new: try head.new(body).map(values.read), old: try head.prior(body).map(values.read)),
                timestampMs: head.timestampMs,
                headers: head.headers(body)
            )
        }
        remove(first)
        return due
    }

    @usableFromInline
    func firstRow() -> Int? {
        guard let entry = order.first() else { return nil }
        let row = rows.find(UnsafeRawBufferPointer(rebasing: order.key(at: entry).dropFirst(8)))
        precondition(row >= 0, "the order lists the rows that are there")
        return row
    }

    @usableFromInline
    func remove(_ row: Int) {
        if let entry = order.first() { order.remove(at: entry) }
        rows.remove(at: row)
    }

    /// What operators after this one have been told of a row that is held back: the value before it, which may be none.
    @inlinable
    func prior(of key: Key, _ scratch: Scratch) throws -> Value?? {
        scratch.key.pointee.removeAll()
        guard try keys.write(key, &scratch.key.pointee), let found = existing(scratch.key.pointee.bytes) else {
            return nil
        }
        return .some(try found.head.prior(found.body).map(values.read))
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        if let existing = existing(key) { order.remove(ordering(key, existing.head.dueMs)) }
        guard let value, let head = Head(value) else {
            rows.load(key, nil)
            return
        }
        rows.load(key, value)
        order.put(ordering(key, head.dueMs), UnsafeRawBufferPointer(start: nil, count: 0))
    }

    @usableFromInline
    func flush() throws {
        guard isLogged else { return }
        try rows.flush { (dirty) throws in
            let timestampMs = dirty.newValue.flatMap { Head($0) }?.timestampMs ?? record.pointee.timestamp
            try changelog?.append(key: dirty.key, value: dirty.newValue, timestamp: max(0, timestampMs))
        }
    }
}
