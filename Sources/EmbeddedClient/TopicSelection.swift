import MillraceLogEngine

/// What a member of a group reads: topics by name, or all that fit.
enum TopicSelection: Sendable {
    case names([String])
    case matching(@Sendable (String) -> Bool)

    /// The topics, sorted. Named ones need not exist; the broker's own never match.
    func topics(on broker: EmbeddedBroker) -> [String] {
        switch self {
        case .names(let names): Set(names).sorted()
        case .matching(let isWanted):
            broker.allTopics.filter { !$0.isInternal && isWanted($0.record.name) }.map(\.record.name).sorted()
        }
    }
}
