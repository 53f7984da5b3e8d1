/// A key-value store whose contents a test may look at, what its cache holds back included.
package protocol InspectableStore: TaskStore {
    /// Visits every entry in the order of the keys' bytes; the bytes are good during the call.
    ///
    /// - Parameter visit: takes the key, the value without its timestamp, and that timestamp in milliseconds.
    func forEachEntry(_ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void) throws
}

/// A window or session store whose contents a test may look at, what its cache holds back included.
@usableFromInline
package protocol InspectableWindowStore: TaskStore {
    /// Visits every row that is within retention, in the order of the keys' bytes, then of the windows; the bytes are good
    /// during the call.
    func forEachRow(_ visit: (InspectedWindow) throws -> Void) throws
}

/// A row of a window or session store.
@usableFromInline
package struct InspectedWindow {
    /// The record's key.
    package var key: UnsafeRawBufferPointer
    /// The start of the window.
    package var startMs: Int64
    /// Its end.
    package var endMs: Int64
    /// The value without its timestamp.
    package var value: UnsafeRawBufferPointer
    /// The value's timestamp; nil in a store that keeps none.
    package var timestampMs: Int64?

    /// Describes a row.
    package init(
        key: UnsafeRawBufferPointer,
        startMs: Int64,
        endMs: Int64,
        value: UnsafeRawBufferPointer,
        timestampMs: Int64?
    ) {
        self.key = key
        self.startMs = startMs
        self.endMs = endMs
        self.value = value
        self.timestampMs = timestampMs
    }
}
