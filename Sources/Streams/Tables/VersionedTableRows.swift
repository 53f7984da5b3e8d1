import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime

/// A table's rows with their history, typed: what a table does with a versioned store (KIP-889, KIP-914).
///
/// A row that comes out of order is passed on and marked, one that is older than the history is dropped.
@usableFromInline
struct VersionedTableRows<Key, Value> {
    @usableFromInline let rows: VersionedRows
    /// Runs the serdes, and the function that changes a row: when one throws, the row stays as it was.
    @usableFromInline let guarded: OperatorGuard
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    /// Whether updates tell the value before them, which is that of the latest version.
    @usableFromInline let sendsOldValues: Bool
    @usableFromInline let scratch = Scratch()

    @usableFromInline
    init(
        _ rows: VersionedRows,
        guarded: OperatorGuard,
        keys: Serde<Key>,
        values: Serde<Value>,
        sendsOldValues: Bool
    ) {
        self.rows = rows
        self.guarded = guarded
        self.keys = keys
        self.values = values
        self.sendsOldValues = sendsOldValues
    }

    /// Puts a version that is valid from the timestamp on (nil is a deletion), and passes it on.
    ///
    /// - Parameter isSilent: whether to pass on nothing when there is no row before or after.
    @inlinable
    func replace(
        _ key: Key,
        _ timestamp: Int64,
        with new: Value?,
        to next: Out<Key, Change<Value>>,
        isSilent: Bool
    ) throws {
        var old: Value?
        let hasValue = try guarded.attempt { () throws -> Bool? in
            guard try encode(key) else { return nil }
            let before = rows.latest(scratch.key.pointee.bytes)
            if isSilent, before == nil, new == nil { return nil }
            if sendsOldValues { old = try before.map { try values.read($0.value) } }
            return try encode(new)
        }
        guard case .some(.some(let hasValue)) = hasValue else { return }
        try put(hasValue, Change(new: new, old: old), timestamp, of: key, to: next)
    }

    /// Reads a key's latest value, lets `change` make the new one (nil inside removes the key, nil leaves all as it is),
    /// stores it and passes the update on, as `KeyValueState.update` does.
    @inlinable
    func update(
        _ key: Key,
        _ timestamp: Int64,
        to next: Out<Key, Change<Value>>,
        _ change: (inout Value?) throws -> Value?
    ) throws {
        var newTimestamp = timestamp
        let made = try guarded.attempt { () throws -> (change: Change<Value>, hasValue: Bool)? in
            guard try encode(key) else { return nil }
            let before = rows.latest(scratch.key.pointee.bytes)
            newTimestamp = max(timestamp, before?.validFromMs ?? timestamp)
            var old = try before.map { try values.read($0.value) }
            let new = try change(&old)
            return (Change(new: new, old: old), try encode(new))
        }
        guard case .some(.some(let made)) = made else { return }
        try put(made.hasValue, made.change, newTimestamp, of: key, to: next)
    }

    @inlinable
    func encode(_ key: Key) throws -> Bool {
        scratch.key.pointee.removeAll()
        return try keys.write(key, &scratch.key.pointee)
    }

    /// Writes the new value of the key in `scratch` there, and sees whether the changelog takes the two; false for none.
    @inlinable
    func encode(_ value: Value?) throws -> Bool {
        scratch.value.pointee.removeAll()
        let hasValue = try value.map { try values.write($0, &scratch.value.pointee) } ?? false
        try rows.check(keyCount: scratch.key.pointee.count, valueCount: scratch.value.pointee.count)
        return hasValue
    }

    @inlinable
    func put(
        _ hasValue: Bool,
        _ change: Change<Value>,
        _ timestamp: Int64,
        of key: Key,
        to next: Out<Key, Change<Value>>
    ) throws {
        let bytes = scratch.key.pointee.bytes
        let isLatest = try rows.place(bytes, hasValue ? scratch.value.pointee.bytes : nil, validFromMs: timestamp)
        guard let isLatest else { return }
        let update = Change(
            new: hasValue ? change.new : nil,
            old: sendsOldValues ? change.old : nil,
            isLatest: isLatest
        )
        try next.push(key, update, timestamp)
    }

    /// Looks rows up for an operator of the same task.
    @inlinable
    func lookup() -> RowLookup<Key, Value> {
        let scratch = Scratch()
        return RowLookup(
            latest: { key in
                scratch.key.pointee.removeAll()
                guard try keys.write(key, &scratch.key.pointee) else { return nil }
                return try rows.latest(scratch.key.pointee.bytes).map { (try values.read($0.value), $0.validFromMs) }
            },
            asOf: { key, timestampMs in
                scratch.key.pointee.removeAll()
                guard try keys.write(key, &scratch.key.pointee) else { return nil }
                return try rows.version(scratch.key.pointee.bytes, asOf: timestampMs)
                    .map { (try values.read($0.value), $0.validFromMs) }
            }
        )
    }
}

extension VersionedRows {
    /// A version as the table's operators see it; the value lies in the store, until the next write.
    @usableFromInline typealias Version = (value: UnsafeRawBufferPointer, validFromMs: Int64)

    @usableFromInline
    func latest(_ key: UnsafeRawBufferPointer) -> Version? {
        table.get(key).map { ($0.value, $0.validFromMs) }
    }

    @usableFromInline
    func version(_ key: UnsafeRawBufferPointer, asOf timeMs: Int64) -> Version? {
        table.get(key, asOf: timeMs).map { ($0.value, $0.validFromMs) }
    }

    /// Puts a version; whether it is the latest, nil if it came too late to be put.
    @usableFromInline
    func place(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?,
        validFromMs: Int64
    ) throws -> Bool? {
        switch try put(key, value, validFromMs: validFromMs) {
        case .latest: true
        case .until: false
        case .notPut: nil
        }
    }
}
