/// How a join of two streams keeps their records: what Kafka Streams calls `StreamJoined`.
///
/// A string literal names the stores: `"paid-orders"` makes `paid-orders-left`, `paid-orders-right` and, for a left or
/// outer join, `paid-orders-unmatched`.
public struct JoinOptions: Hashable, Sendable, ExpressibleByStringLiteral {
    /// What the names of the stores begin with; nil for the operator's name.
    public var storeName: String?
    /// What the names began with before: when the application starts for the first time with the new names, the stores take
    /// over the entries of the old ones.
    public var renamedFrom: String?
    /// How long records are kept, measured in stream time; nil for as long as the windows need, which is the least.
    public var retention: Duration?
    /// Whether the stores have changelogs, from which they are restored.
    public var isLogged: Bool
    /// Further settings of the changelog topics, by Kafka's names.
    public var changelogConfiguration: [String: String]

    /// Makes options.
    public init(
        storeName: String? = nil,
        renamedFrom: String? = nil,
        retention: Duration? = nil,
        isLogged: Bool = true,
        changelogConfiguration: [String: String] = [:]
    ) {
        self.storeName = storeName
        self.renamedFrom = renamedFrom
        self.retention = retention
        self.isLogged = isLogged
        self.changelogConfiguration = changelogConfiguration
    }

    /// Stores of this name with the defaults.
    public init(stringLiteral name: String) {
        self.init(storeName: name)
    }
}
