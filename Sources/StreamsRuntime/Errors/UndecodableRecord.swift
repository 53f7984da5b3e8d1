/// A record whose key or value its serde cannot read.
public struct UndecodableRecord: Error, CustomStringConvertible {
    /// Which half.
    public enum Part: String, Sendable {
        /// The key.
        case key
        /// The value.
        case value
    }

    /// Which half could not be read.
    public var part: Part
    /// What the serde said.
    public var underlying: any Error

    /// Wraps a serde's error.
    public init(_ part: Part, _ underlying: any Error) {
        self.part = part
        self.underlying = underlying
    }

    /// What could not be read, and why.
    public var description: String { "its \(part.rawValue) cannot be decoded: \(underlying)" }
}
