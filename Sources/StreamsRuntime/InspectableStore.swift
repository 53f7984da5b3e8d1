/// A key-value store whose contents a test may look at, what its cache holds back included.
package protocol InspectableStore: TaskStore {
    /// Visits every entry in the order of the keys' bytes; the bytes are good during the call.
    ///
    /// - Parameter visit: takes the key, the value without its timestamp, and that timestamp in milliseconds.
    func forEachEntry(_ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void) throws
}

/// A versioned store whose contents a test may look at.
package protocol InspectableVersionedStore: TaskStore {
    /// Visits the version of a key that was valid at a time, nil for the latest, if there is one; the bytes are good during
    /// the call.
    ///
    /// - Parameter visit: takes the value, from when it is valid, and when it ends (nil if it has not), in milliseconds.
    func withVersion(
        of key: UnsafeRawBufferPointer,
        asOf timestampMs: Int64?,
        _ visit: (UnsafeRawBufferPointer, Int64, Int64?) throws -> Void
    ) throws
}
