/// A span of time, in milliseconds since 1970, that records are gathered in.
///
/// Whether its end belongs to it depends on the kind: tumbling and hopping windows end before `endMs`, the last
/// millisecond of sliding windows and sessions is `endMs` itself.
public struct Window: Hashable, Sendable {
    /// Its first millisecond.
    public var startMs: Int64
    /// Its end.
    public var endMs: Int64

    /// Makes a window.
    @inlinable
    public init(startMs: Int64, endMs: Int64) {
        self.startMs = startMs
        self.endMs = endMs
    }
}

extension Window: Comparable {
    /// By start, then end.
    @inlinable
    public static func < (left: Window, right: Window) -> Bool {
        (left.startMs, left.endMs) < (right.startMs, right.endMs)
    }
}

extension Window: CustomStringConvertible {
    /// `start-end`.
    public var description: String { "\(startMs)-\(endMs)" }
}

/// A key in a window: what the rows of a windowed aggregation are found by.
public struct Windowed<Key> {
    /// The key of the records.
    public var key: Key
    /// Their window.
    public var window: Window

    /// Makes a key in a window.
    @inlinable
    public init(key: Key, window: Window) {
        self.key = key
        self.window = window
    }
}

extension Windowed: Sendable where Key: Sendable {}
extension Windowed: Equatable where Key: Equatable {}
extension Windowed: Hashable where Key: Hashable {}

extension Windowed: CustomStringConvertible {
    /// `key@start-end`.
    public var description: String { "\(key)@\(window)" }
}
