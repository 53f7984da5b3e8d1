/// How an operator keeps its state: what Kafka Streams calls `Materialized`.
///
/// A string literal is a store of that name with the defaults: `count(store: "word-counts")`. An option that an operator's
/// store does not have is a mistake that `build()` reports.
public struct StoreOptions: Hashable, Sendable, ExpressibleByStringLiteral {
    /// The store's name, which its changelog topic is named after; nil for one made from the operator's name.
    public var name: String?
    /// Whether changes are written to a changelog topic, from which the store is restored. Without it the state is lost
    /// when the task moves or the application stops.
    public var isLogged: Bool
    /// Whether updates are held back until the commit, so that only the last one of each key is passed on; the
    /// application's `cacheMaximumBytes` of 0 turns this off for all stores.
    public var isCached: Bool
    /// How far back the store knows what each key's value was, from the greatest timestamp that it has seen; nil for a
    /// store that knows the latest values only. Such a *versioned* table (KIP-889) is looked up as of the time of the
    /// record that is joined with it, and what comes out of order leaves joins and aggregations of latest rows as they are.
    /// It is never cached.
    public var historyRetention: Duration?
    /// How old a row of a table may become, by its timestamp and the stream time: the greatest timestamp of the records
    /// that the task has processed. nil for ever.
    ///
    /// A row that is too old is not found any more; soon after, with the next records, it is removed and passed on as a
    /// deletion, whose timestamp is that at which the row's life ended. A record that is too old already begins no row.
    /// Versioned, window and session stores have a retention instead.
    public var timeToLive: Duration?
    /// How long the rows of a window or session store are kept, measured in the time of the records; nil for no longer than
    /// the windows take records. Other stores have none.
    public var retention: Duration?
    /// Further settings of the changelog topic, by Kafka's names.
    public var changelogConfiguration: [String: String]
    /// What the store was called before: when the application starts for the first time with the new name, the store takes
    /// over the entries of the old one, and what its operator remembers of the course of time. May stay afterwards.
    public var renamedFrom: String?

    /// Makes options.
    public init(
        name: String? = nil,
        isLogged: Bool = true,
        isCached: Bool = true,
        historyRetention: Duration? = nil,
        timeToLive: Duration? = nil,
        retention: Duration? = nil,
        changelogConfiguration: [String: String] = [:],
        renamedFrom: String? = nil
    ) {
        self.name = name
        self.isLogged = isLogged
        self.isCached = isCached
        self.historyRetention = historyRetention
        self.timeToLive = timeToLive
        self.retention = retention
        self.changelogConfiguration = changelogConfiguration
        self.renamedFrom = renamedFrom
    }

    /// A store of this name with the defaults.
    public init(stringLiteral name: String) {
        self.init(name: name)
    }

    /// A versioned store, which knows what each key's value was.
    ///
    /// - Parameters:
    ///   - name: the store's name.
    ///   - historyRetention: how far back.
    public static func versioned(_ name: String? = nil, historyRetention: Duration) -> StoreOptions {
        StoreOptions(name: name, historyRetention: historyRetention)
    }

    /// An option that not every store looks at.
    enum Special {
        case historyRetention, timeToLive, retention
    }

    /// What is wrong with asking a store for options that it does not look at; nil if nothing is.
    func problem(without specials: [Special]) -> String? {
        for special in specials {
            switch special {
            case .historyRetention where historyRetention != nil:
                return "it cannot know former values: leave out historyRetention"
            case .timeToLive where timeToLive != nil:
                return "its rows have no time to live of their own: leave out timeToLive"
            case .retention where retention != nil:
                return "retention is for the stores of windows and sessions: leave it out"
            case .historyRetention, .timeToLive, .retention: continue
            }
        }
        return nil
    }

    /// Why a store with these options cannot be restored from its source topic; nil if it can.
    var sourceTopicProblem: String? {
        if historyRetention != nil { return "a versioned store keeps more than its topic does, and needs a changelog" }
        if timeToLive != nil { return "with a time to live it holds less than its topic, and needs a changelog" }
        if !isLogged { return "isLogged: false and a topic to be restored from contradict each other" }
        return changelogConfiguration.isEmpty ? nil : "it has no changelog to be configured"
    }

    /// What is wrong with the history; nil if nothing is.
    var historyProblem: String? {
        guard let historyRetention, historyRetention < .zero else { return nil }
        return "its history retention, \(historyRetention), is negative"
    }
}
