import MillracePrimitives

/// Which offsets of a group are set.
public enum OffsetResetScope: Hashable, Sendable {
    /// All that the group has committed.
    case committed
    /// All partitions of these topics.
    case topics([String])
    /// These.
    case partitions([TopicPartition])
}

/// Where a group's offsets are set to. The same choices as those of Kafka's `kafka-consumer-groups.sh --reset-offsets`.
public enum OffsetResetTarget: Hashable, Sendable {
    /// The first offset that the partition holds.
    case earliest
    /// The end of the partition.
    case latest
    /// Where the group is; the end of the partition where it has not committed.
    case current
    /// This offset, or the nearest that the partition has.
    case offset(Int64)
    /// So many offsets further; back if it is negative. Not beyond what the partition has.
    case shift(by: Int64)
    /// The first record at or after a time, in milliseconds since 1970; the end if there is none.
    case timestamp(Int64)
    /// The first record that is at most this old; the end if there is none.
    case age(Duration)
    /// These offsets, or the nearest that the partitions have; for partitions that are not named nothing is changed.
    case offsets([TopicPartition: Int64])
}

/// What a reset changes, or would change.
public struct OffsetResetPlan: Hashable, Sendable {
    /// The change in one partition.
    public struct Step: Hashable, Sendable {
        /// The partition.
        public var partition: TopicPartition
        /// What the group has committed before; nil for nothing.
        public var from: Int64?
        /// What it has committed afterwards.
        public var to: Int64

        /// Makes a step.
        public init(partition: TopicPartition, from: Int64?, to: Int64) {
            self.partition = partition
            self.from = from
            self.to = to
        }
    }

    /// The group.
    public var group: String
    /// The changes, sorted by partition; those that change nothing included.
    public var steps: [Step]
    /// Whether the offsets were set.
    public var isDone: Bool

    /// Makes a plan.
    public init(group: String, steps: [Step], isDone: Bool) {
        self.group = group
        self.steps = steps
        self.isDone = isDone
    }
}

/// Works out a reset.
package struct OffsetResetPlanner {
    let connection: any AdminConnection
    let group: String
    let nowMs: Int64

    package init(connection: any AdminConnection, group: String, nowMs: Int64) {
        self.connection = connection
        self.group = group
        self.nowMs = nowMs
    }

    /// What setting the offsets would do; refused while the group has members.
    package func plan(_ scope: OffsetResetScope, to target: OffsetResetTarget) throws(ClientError) -> OffsetResetPlan {
        try checkInactive()
        let committed = try connection.committedOffsets(of: group)
        var partitions = try partitions(in: scope, committed)
        if case .offsets(let chosen) = target { partitions = partitions.filter { chosen[$0] != nil } }
        let found = try offsetsByTime(of: partitions, target)
        var steps: [OffsetResetPlan.Step] = []
        for partition in partitions {
            let current = committed[partition]?.offset
            // The plain end, as Kafka's tool has it: what is undecided now is read when it is decided.
            let range = try connection.offsetRange(of: partition, isolation: .readUncommitted)
            let wanted = try place(partition, target, range, current, found[partition])
            let to = min(max(wanted, range.lowerBound), range.upperBound)
            steps.append(OffsetResetPlan.Step(partition: partition, from: current, to: to))
        }
        return OffsetResetPlan(group: group, steps: steps, isDone: false)
    }

    private func checkInactive() throws(ClientError) {
        guard let description = try connection.describeGroup(group) else { return }
        switch description.state {
        case .empty, .dead: return
        case .stable, .preparingRebalance, .completingRebalance:
            throw ClientError(
                .groupNotEmpty,
                "offsets of group \(group) can be set only while it has no members; it is \(description.state.rawValue) "
                    + "with \(description.members.count): stop them first"
            )
        }
    }

    private func partitions(
        in scope: OffsetResetScope,
        _ committed: [TopicPartition: CommittedOffset]
    ) throws(ClientError) -> [TopicPartition] {
        switch scope {
        case .committed: return committed.keys.sorted()
        case .partitions(let partitions): return Set(partitions).sorted()
        case .topics(let topics):
            var partitions: [TopicPartition] = []
            for topic in Set(topics).sorted() {
                guard let description = try connection.describeTopic(topic) else {
                    throw ClientError(.unknownTopicOrPartition, "there is no topic \"\(topic)\"")
                }
                partitions += (0..<description.partitionCount).map { TopicPartition(topic, $0) }
            }
            return partitions
        }
    }

    private func offsetsByTime(
        of partitions: [TopicPartition],
        _ target: OffsetResetTarget
    ) throws(ClientError) -> [TopicPartition: Int64] {
        let timestamp: Int64
        switch target {
        case .timestamp(let time): timestamp = time
        case .age(let age):
            let (time, overflow) = nowMs.subtractingReportingOverflow(age.wholeMilliseconds)
            timestamp = overflow ? .min : time
        case .earliest, .latest, .current, .offset, .shift, .offsets: return [:]
        }
        return try connection.offsets(
            at: Dictionary(partitions.map { ($0, timestamp) }, uniquingKeysWith: { first, _ in first })
        )
    }

    private func place(
        _ partition: TopicPartition,
        _ target: OffsetResetTarget,
        _ range: Range<Int64>,
        _ current: Int64?,
        _ found: Int64?
    ) throws(ClientError) -> Int64 {
        switch target {
        case .earliest: return range.lowerBound
        case .latest: return range.upperBound
        case .current: return current ?? range.upperBound
        case .offset(let offset): return offset
        case .offsets(let offsets): return offsets[partition] ?? current ?? range.upperBound
        case .timestamp, .age: return found ?? range.upperBound
        case .shift(let distance):
            guard let current else {
                throw ClientError(
                    .noOffset,
                    "group \(group) has committed nothing for \(partition) that could be shifted; set another target"
                )
            }
            let (sum, overflow) = current.addingReportingOverflow(distance)
            return overflow ? (distance < 0 ? range.lowerBound : range.upperBound) : sum
        }
    }
}
