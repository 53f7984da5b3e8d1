/// What the owner of a store wants to know of the newest write to a dirty key when the cache is flushed.
@usableFromInline
package struct TouchContext: Equatable, Sendable {
    /// The timestamp of the record that caused the write, in milliseconds since 1970.
    @usableFromInline package var timestampMs: Int64
    /// A number of the owner's choosing, such as an offset or the place where it keeps the record's headers.
    @usableFromInline package var token: Int64

    @inlinable
    package init(timestampMs: Int64 = -1, token: Int64 = 0) {
        self.timestampMs = timestampMs
        self.token = token
    }
}

/// A key that was written since the last flush. The bytes lie in the table and its log: good until the next write.
@usableFromInline
package struct DirtyEntry {
    /// The entry of the key; good during the visit.
    @usableFromInline package let entry: Int
    /// The key.
    @usableFromInline package let key: UnsafeRawBufferPointer
    /// The value at the last flush; nil for none.
    @usableFromInline package let oldValue: UnsafeRawBufferPointer?
    /// The value now; nil for none.
    @usableFromInline package let newValue: UnsafeRawBufferPointer?
    /// What `noteContext` was told last.
    @usableFromInline package let context: TouchContext

    /// Whether the key had no value at the last flush and has none now.
    @inlinable package var hasVanished: Bool { oldValue == nil && newValue == nil }

    @usableFromInline
    init(
        entry: Int,
        key: UnsafeRawBufferPointer,
        oldValue: UnsafeRawBufferPointer?,
        newValue: UnsafeRawBufferPointer?,
        context: TouchContext
    ) {
        self.entry = entry
        self.key = key
        self.oldValue = oldValue
        self.newValue = newValue
        self.context = context
    }

    /// The same of a key that had no value.
    @inlinable var withoutOldValue: DirtyEntry {
        DirtyEntry(entry: entry, key: key, oldValue: nil, newValue: newValue, context: context)
    }
}
