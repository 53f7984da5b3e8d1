/// A user's mistake in a topology, with the operator in which it was made.
public enum TopologyMistake: Error, Sendable, Hashable, CustomStringConvertible {
    /// The topology reads nothing.
    case noSources
    /// A source names no topic.
    case sourceWithoutTopics(operator: String)
    /// Two operators were given the same name.
    case duplicateName(operator: String)
    /// An operator's name has a character that names cannot have, or is too long.
    case invalidName(operator: String, name: String, problem: String)
    /// A topic's name is not one that Kafka allows.
    case invalidTopicName(operator: String, topic: String, problem: String)
    /// A store's name is not one that a topic can be named after.
    case invalidStoreName(operator: String, store: String, problem: String)
    /// A store's options make no sense.
    case invalidStore(operator: String, store: String, problem: String)
    /// Two operators declare a store of the same name.
    case duplicateStore(operator: String, store: String)
    /// Two stores without a name of their own would get the same.
    case ambiguousStoreName(operator: String, store: String)
    /// Two repartition topics without a name of their own would get the same.
    case ambiguousRepartitionName(operator: String, topic: String)
    /// A store is said to have had the name that another one has now.
    case renamedFromPresentStore(store: String, formerName: String)
    /// An operator asks for a store that is not there.
    case unknownStore(operator: String, store: String)
    /// The operator must write or read keys or values and has no serde for them.
    case missingSerde(operator: String, of: String)
    /// A topic is read by two sources, which would each need every record.
    case topicReadTwice(operator: String, topic: String)
    /// The topics of a source are named by what is no regular expression.
    case invalidTopicPattern(operator: String, pattern: String, problem: String)
    /// Topics that fit one source fit another as well.
    case overlappingPatterns(operator: String, pattern: String, other: String, _ otherPattern: String)
    /// A number of partitions that is not positive.
    case invalidPartitionCount(operator: String, count: Int32)
    /// Windows that make no sense, such as ones of no size.
    case invalidWindows(operator: String, problem: String)
    /// A window store that would lose rows of windows which still take records.
    case retentionTooShort(operator: String, retentionMs: Int64, minimumMs: Int64)
    /// A suppression that makes no sense, such as one until windows close of a table that has none.
    case invalidSuppression(operator: String, problem: String)
    /// `split()` without any branch.
    case splitWithoutBranches(operator: String)
    /// A split has no branch of this name.
    case unknownBranch(operator: String, branch: String, known: [String])
    /// A join is to wait for rows of a table that keeps no versions: it could not find the row of the record's time.
    case graceWithoutVersions(operator: String)
    /// A join is to wait longer than its table keeps versions: it could not find the row of the record's time any more.
    case graceLongerThanHistory(operator: String, graceMs: Int64, historyMs: Int64)
    /// A grace period that is less than nothing.
    case negativeGracePeriod(operator: String)
    /// `output(_:)` of a stream that no processor with outputs returned.
    case outputOfNoProcessor(operator: String, output: String)
    /// A source that would be idle at once.
    case invalidIdlePause(operator: String)
    /// Two branches of one split have the same name.
    case duplicateBranch(operator: String, branch: String)
    /// An operator was given a number or a duration that makes no sense.
    case invalidArgument(operator: String, problem: String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .noSources:
            "the topology reads no topic: begin with stream(_:keys:values:) or table(_:keys:values:)"
        case .sourceWithoutTopics(let name):
            "\(name): a source needs at least one topic"
        case .duplicateName(let name):
            "\(name): another operator has this name already; give one of them another"
        case .invalidName(let name, let given, let problem):
            "\(name): \"\(given)\" cannot be an operator's name: \(problem)"
        case .invalidTopicName(let name, let topic, let problem):
            "\(name): \"\(topic)\" cannot be a topic's name: \(problem)"
        case .invalidStoreName(let name, let store, let problem):
            "\(name): \"\(store)\" cannot be a store's name: \(problem)"
        case .invalidStore(let name, let store, let problem):
            "\(name): the store \"\(store)\" cannot be made: \(problem)"
        case .duplicateStore(let name, let store):
            "\(name): the store \"\(store)\" is declared by another operator already; name one of them differently"
        case .ambiguousStoreName(let name, let store):
            "\(name): it has no name for its store, and \"\(store)\" is taken; name this one with store:, so that it keeps "
                + "its state whatever is added to the topology"
        case .ambiguousRepartitionName(let name, let topic):
            "\(name): its records need an internal topic, which has no name, and \"\(topic)\" is taken; name this one with "
                + "named:, so that no records are lost whatever is added to the topology"
        case .renamedFromPresentStore(let store, let formerName):
            "the store \"\(store)\" is renamed from \"\(formerName)\", which is the name of another store of the topology"
        case .unknownStore(let name, let store):
            "\(name): there is no store \"\(store)\"; declare it with an operator or addStateStore first"
        case .missingSerde(let name, let what):
            "\(name): it must write \(what) and does not know how; pass the \(what): argument a serde"
        case .topicReadTwice(let name, let topic):
            "\(name): the topic \"\(topic)\" is read by another source already; use that stream twice instead"
        case .invalidTopicPattern(let name, let pattern, let problem):
            "\(name): \(pattern) is no pattern of topics: \(problem)"
        case .overlappingPatterns(let name, let pattern, let other, let otherPattern):
            "\(name): topics that fit \(pattern) fit \(otherPattern) of \(other) too; use one stream twice instead"
        case .invalidPartitionCount(let name, let count):
            "\(name): \(count) is not a number of partitions; it must be 1 or more"
        case .invalidWindows(let name, let problem):
            "\(name): \(problem)"
        case .retentionTooShort(let name, let retentionMs, let minimumMs):
            "\(name): a retention of \(retentionMs) ms is shorter than its windows take records; it must be at least "
                + "\(minimumMs) ms, the size (or gap) and the grace together"
        case .invalidSuppression(let name, let problem):
            "\(name): \(problem)"
        case .splitWithoutBranches(let name):
            "\(name): a split needs at least one branch"
        case .unknownBranch(let name, let branch, let known):
            "\(name): there is no branch \"\(branch)\"; there are: \(known.joined(separator: ", "))"
        case .graceWithoutVersions(let name):
            "\(name): a grace period needs a table with a versioned store; give the table one, or leave grace: out"
        case .graceLongerThanHistory(let name, let graceMs, let historyMs):
            "\(name): a grace period of \(graceMs) ms is longer than the table keeps its history, \(historyMs) ms; give the "
                + "table's store a longer history retention, or the join a shorter grace period"
        case .negativeGracePeriod(let name):
            "\(name): a grace period cannot be negative"
        case .outputOfNoProcessor(let name, let output):
            "\(name) has no output \"\(output)\": output(_:) is for the stream that process returns"
        case .invalidIdlePause(let name):
            "\(name): idleAfter must be a millisecond or more"
        case .duplicateBranch(let name, let branch):
            "\(name): two branches are named \"\(branch)\""
        case .invalidArgument(let name, let problem):
            "\(name): \(problem)"
        }
    }
}

/// All the mistakes that were found in a topology.
public struct TopologyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The mistakes, in the order in which their operators were added; at least one.
    public var mistakes: [TopologyMistake]

    /// Collects mistakes.
    public init(_ mistakes: [TopologyMistake]) {
        self.mistakes = mistakes
    }

    /// One line a mistake.
    public var description: String {
        "the topology has \(mistakes.count == 1 ? "a mistake" : "\(mistakes.count) mistakes"):\n"
            + mistakes.map { "  - \($0)" }.joined(separator: "\n")
    }
}
