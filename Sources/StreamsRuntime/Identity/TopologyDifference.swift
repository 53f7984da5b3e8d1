import MillraceTopology

/// Why a topology cannot go on with the state that an application of its id has left in the log.
public enum TopologyDifference: Hashable, Sendable, CustomStringConvertible {
    /// A store's entries would be read as what they are not.
    case storeFormat(store: String, was: StoreFormat, becomes: StoreFormat)
    /// A store is to have another number of partitions, and its keys would be looked for in the wrong ones.
    case storePartitions(store: String, was: Int32, becomes: Int32, inputs: [InputChange])
    /// A store was restored from a topic, and is to be restored from another, or from a changelog that nobody has written.
    case storeSource(store: String, was: String, becomes: String?)
    /// A repartition topic is to have another number of partitions.
    case repartitionPartitions(topic: String, was: Int32, becomes: Int32, inputs: [InputChange])
    /// A repartition topic is read no more, and holds records that were not processed. The number is nil if there are too
    /// many to count.
    case unprocessedRecords(topic: String, count: Int64?)
    /// A repartition topic's records would be read as what they are not, and it holds some that were not processed.
    case repartitionFormat(topic: String, was: TopicFormat, becomes: TopicFormat, unprocessed: Int64?)
    /// A store's changelog was deleted.
    case missingChangelog(store: String, topic: String)

    /// An input whose number of partitions was changed.
    public struct InputChange: Hashable, Sendable, CustomStringConvertible {
        /// The topic.
        public var topic: String
        /// How many partitions it had.
        public var was: Int32
        /// How many it has.
        public var isNow: Int32

        /// Names a change.
        public init(topic: String, was: Int32, isNow: Int32) {
            self.topic = topic
            self.was = was
            self.isNow = isNow
        }

        /// The change in words.
        public var description: String { "\(topic) had \(was) and has \(isNow)" }
    }

    /// What differs, and what to do.
    public var description: String {
        switch self {
        case .storeFormat(let store, let was, let becomes):
            "the store \"\(store)\" is \(was) and would become \(becomes): give it another name, so that it begins empty, or "
                + "reset the application"
        case .storeSource(let store, let was, let becomes):
            "the store \(store) was restored from the topic \(was) and is to be restored from "
                + "\(becomes ?? "a changelog"), which has not its entries: leave restoresFromTopic as it was, or reset the "
                + "application"
        case .storePartitions(let store, let was, let becomes, let inputs):
            "the store \"\(store)\" has \(was) partitions and would need \(becomes)\(Self.because(inputs)): its keys would be "
                + "looked for where they are not. Give it another name, or reset the application"
        case .repartitionPartitions(let topic, let was, let becomes, let inputs):
            "the repartition topic \(topic) has \(was) partitions and would need \(becomes)\(Self.because(inputs)): give it "
                + "its number with repartition(partitions:), or reset the application"
        case .unprocessedRecords(let topic, let count):
            "nothing reads the repartition topic \(topic) any more, and it holds \(Self.records(count)) that were not "
                + "processed: let the former topology run until it has caught up, or reset the application"
        case .repartitionFormat(let topic, let was, let becomes, let unprocessed):
            "the repartition topic \(topic) has \(was) and would have \(becomes), and it holds \(Self.records(unprocessed)) "
                + "that were not processed: let the former topology run until it has caught up, give the topic another "
                + "name, or reset the application"
        case .missingChangelog(let store, let topic):
            "the store \"\(store)\" has lost its changelog \(topic): it was deleted. Reset the application, or give the store "
                + "another name if it may begin empty"
        }
    }

    private static func because(_ inputs: [InputChange]) -> String {
        inputs.isEmpty ? "" : " (partitions of an input: \(inputs.map(\.description).joined(separator: ", ")))"
    }

    private static func records(_ count: Int64?) -> String {
        count.map { "\($0) record\($0 == 1 ? "" : "s")" } ?? "records, too many to count,"
    }
}
