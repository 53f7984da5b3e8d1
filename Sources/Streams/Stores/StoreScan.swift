import MillracePrimitives
import MillraceStateStores

/// The first and the last key of a range, both included; nil for an open end.
@usableFromInline
typealias KeyBounds = (first: UnsafeRawBufferPointer?, last: UnsafeRawBufferPointer?)

/// Walks the rows of a snapshot. A class, so that a cursor can be a closure around it.
@usableFromInline
final class RowScan {
    private var snapshot: EntrySnapshot
    private let isVisible: (Int) -> Bool

    init(_ snapshot: EntrySnapshot, isVisible: @escaping (Int) -> Bool = { _ in true }) {
        self.snapshot = snapshot
        self.isVisible = isVisible
    }

    /// The entry of the next row that is still there.
    @usableFromInline
    func next() -> Int? {
        while let entry = snapshot.next() {
            if isVisible(entry) { return entry }
        }
        return nil
    }
}

extension Scratch {
    /// The bytes of a key; good until the next key.
    @inlinable
    func encode<Key>(_ key: Key, _ keys: Serde<Key>, in store: String) throws -> UnsafeRawBufferPointer {
        self.key.pointee.removeAll()
        guard try keys.write(key, &self.key.pointee) else { throw StoreError.nullKey(store: store) }
        return self.key.pointee.bytes
    }

    /// The bytes of a value, nil for null; good until the next value.
    @inlinable
    func encode<Value>(_ value: Value?, _ values: Serde<Value>) throws -> UnsafeRawBufferPointer? {
        guard let value else { return nil }
        self.value.pointee.removeAll()
        return try values.write(value, &self.value.pointee) ? self.value.pointee.bytes : nil
    }

    /// The bytes of two keys, nil for an open end; good until the next key or value.
    @inlinable
    func encodeBounds<Key>(_ first: Key?, _ last: Key?, _ keys: Serde<Key>, in store: String) throws -> KeyBounds {
        let lower = try first.map { try encode($0, keys, in: store) }
        // The place of the key holds one bound, that of the value the other.
        value.pointee.removeAll()
        guard let last else { return (lower, nil) }
        guard try keys.write(last, &value.pointee) else { throw StoreError.nullKey(store: store) }
        return (lower, value.pointee.bytes)
    }
}
