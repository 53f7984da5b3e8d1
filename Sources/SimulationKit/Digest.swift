import MillracePrimitives

/// A number for a sequence of texts and bytes: two runs with the same digest did the same. Not stored anywhere.
public struct Digest: Sendable {
    /// The number so far.
    public private(set) var value: UInt64 = 0

    /// Begins with nothing.
    public init() {}

    /// Adds a text.
    public mutating func add(_ text: String) {
        add(Array(text.utf8))
    }

    /// Adds bytes.
    public mutating func add(_ bytes: [UInt8]) {
        let hash = bytes.withUnsafeBytes { Hashes.mix($0) }
        value = (value &* 0x9e37_79b9_7f4a_7c15 &+ hash) ^ (value >> 31)
    }
}
