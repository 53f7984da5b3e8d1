import MillraceLogClient
import MillracePrimitives

/// What an application has read of its source topics, and up to where there is something to read, at one look.
///
/// The look takes its time: the partitions are not seen at the same moment.
struct InputPlaces: Equatable {
    /// The offset to read next, by partition: the committed one, or the beginning.
    private(set) var positions: [TopicPartition: Int64] = [:]
    /// The end of what there is to read, by partition. What is still undecided in an internal topic counts as well,
    /// because it hides what was committed after it; whether to wait for a transaction on a user's topic is not known.
    private(set) var ends: [TopicPartition: Int64] = [:]

    /// Looks. Blocks for file or network calls.
    init(routing: TopicRouting, applicationId: String, admin: any AdminConnection) throws(ClientError) {
        let committed = try admin.committedOffsets(of: applicationId)
        let topics = try routing.sourceTopics { () throws(ClientError) in try admin.topicNames() }
        for topic in topics {
            guard let count = try admin.describeTopic(topic)?.partitionCount else { continue }
            let isolation: IsolationLevel = routing.isInternal(topic) ? .readUncommitted : .readCommitted
            for number in 0..<count {
                let partition = TopicPartition(topic, number)
                let range = try admin.offsetRange(of: partition, isolation: isolation)
                positions[partition] = committed[partition]?.offset ?? range.lowerBound
                ends[partition] = range.upperBound
            }
        }
    }

    /// How many offsets lie between position and end, for each partition where there are any; markers count too.
    var remaining: [TopicPartition: Int64] {
        var remaining: [TopicPartition: Int64] = [:]
        for (partition, end) in ends {
            if let position = positions[partition], position < end { remaining[partition] = end - position }
        }
        return remaining
    }

    /// Whether there is nothing left to read.
    var areAllRead: Bool { remaining.isEmpty }
}
