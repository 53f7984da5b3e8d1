/// A versioned store whose contents a test may look at.
@usableFromInline
package protocol InspectableVersionedStore: TaskStore {
    /// Hands over the version of a key that was valid at a time in milliseconds, or the latest one for nil; the bytes are
    /// good during the call. Does nothing if there is none.
    func withVersion(
        of key: UnsafeRawBufferPointer,
        asOf timeMs: Int64?,
        _ visit: (_ value: UnsafeRawBufferPointer, _ validFromMs: Int64, _ validToMs: Int64?) throws -> Void
    ) throws
}
