/// A key-value store whose contents a test may look at, what its cache holds back included.
package protocol InspectableStore: TaskStore {
    /// Visits every entry in the order of the keys' bytes; the bytes are good during the call.
    ///
    /// - Parameter visit: takes the key, the value without its timestamp, and that timestamp in milliseconds.
    func forEachEntry(_ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void) throws
}
