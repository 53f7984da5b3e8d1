/// What the bytes of a store's entries mean: enough to tell whether the changelog of one store can be read as another.
///
/// Kept in the log with the application's other names, and compared when it starts: state that was written in one format
/// is never read in another.
public struct StoreFormat: Sendable, Hashable, CustomStringConvertible {
    /// What kind of store it is.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// One value a key.
        case keyValue = "key-value"
        /// One value a key and window.
        case window
        /// One value a key and session.
        case session
        /// Several values a key, each good from a time on.
        case versioned
        /// A due time a key and clock.
        case timers
    }

    /// The kind of store.
    public var kind: Kind
    /// The format of the keys, without the window that a kind of store adds to them: a serde's `format`.
    public var keys: String
    /// The format of the values: a serde's `format`.
    public var values: String
    /// The sizes that the entries depend on, by name, with the unit last: `["windowSizeMs": 60_000]`. With another size
    /// the store cannot go on.
    public var sizes: [String: Int64]
    /// How long entries are kept, in milliseconds; nil for always. May be changed.
    public var retentionMs: Int64?

    /// Describes a format.
    public init(
        _ kind: Kind,
        keys: String,
        values: String,
        sizes: [String: Int64] = [:],
        retentionMs: Int64? = nil
    ) {
        self.kind = kind
        self.keys = keys
        self.values = values
        self.sizes = sizes
        self.retentionMs = retentionMs
    }

    /// The format in words: "a key-value store from utf8 to int64".
    public var description: String {
        let sizes = sizes.sorted { $0.key < $1.key }.map { ", \($0.key) \($0.value)" }.joined()
        return "a \(kind.rawValue) store from \(keys) to \(values)\(sizes)"
    }
}

/// What the bytes of an internal topic's records mean.
public struct TopicFormat: Sendable, Hashable, CustomStringConvertible {
    /// The format of the keys: a serde's `format`.
    public var keys: String
    /// The format of the values: a serde's `format`.
    public var values: String

    /// Describes a format.
    public init(keys: String, values: String) {
        self.keys = keys
        self.values = values
    }

    /// The format in words.
    public var description: String { "keys \(keys), values \(values)" }
}
