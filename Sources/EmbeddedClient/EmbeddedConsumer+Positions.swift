import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

extension EmbeddedConsumer {
    func position(of partition: TopicPartition) throws(ClientError) -> Int64 {
        guard let known = places[partition] else { throw notAssigned(partition) }
        let place = try known.partition.isAbandoned ? replace(partition, known) : known
        if let position = place.position { return position }
        guard let position = try startingPosition(of: partition, place.partition) else {
            throw ClientError(.timedOut, "the position in \(partition) is being decided by a transaction; try again")
        }
        places[partition]?.position = position
        return position
    }

    func seek(_ partition: TopicPartition, to offset: Int64) throws(ClientError) {
        guard places[partition] != nil else { throw notAssigned(partition) }
        guard offset >= 0 else { throw ClientError(.invalidArgument, "an offset is not negative: \(offset)") }
        places[partition]?.position = offset
        wakeup.ring()
    }

    func pause(_ partitions: [TopicPartition]) {
        for partition in partitions { places[partition]?.isPaused = true }
    }

    func resume(_ partitions: [TopicPartition]) {
        for partition in partitions { places[partition]?.isPaused = false }
        wakeup.ring()
    }

    func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(ClientError) {
        try checkOpen()
        guard let membership else {
            throw ClientError(.invalidArgument, "positions are committed for a group; set groupId")
        }
        if let member, member.isAwaitingAssignment {
            throw ClientError(
                .rebalanceInProgress,
                "group \(membership.groupId) is rebalancing; poll until this member has its assignment, then commit again"
            )
        }
        try client { () throws(BrokerError) in
            try broker.transactions.makeDurable(offsets)
            try broker.groups.commit(offsets, for: membership)
        }
    }

    func committed(_ partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: CommittedOffset] {
        try checkOpen()
        guard let groupId = settings.groupId else {
            throw ClientError(.invalidArgument, "positions are committed by groups; set groupId")
        }
        // A transaction that is being decided ends soon, at the latest by its time-out.
        let deadline = broker.time.monotonicNanoseconds + Self.stableTimeout.wholeNanoseconds
        let bell = Wakeup()
        while true {
            try checkOpen()
            let fetched = broker.groups.fetchOffsets(of: groupId, partitions, requiresStable: true)
            let isStable = fetched.values.allSatisfy { $0 != .unstable }
            if isStable {
                return fetched.compactMapValues { offset in
                    if case .committed(let committed) = offset { committed } else { nil }
                }
            }
            guard broker.time.monotonicNanoseconds < deadline else {
                throw ClientError(
                    .timedOut,
                    "positions of group \(groupId) are being decided by a transaction; try again"
                )
            }
            bell.wait(for: .milliseconds(5))
        }
    }

    private static let stableTimeout = Duration.seconds(60)

    // Partitions

    func beginningOffsets(of partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: Int64] {
        try offsets(of: partitions) { $0.logStartOffset }
    }

    func endOffsets(of partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: Int64] {
        let isCommitted = settings.isolation == .readCommitted
        return try offsets(of: partitions) { isCommitted ? $0.lastStableOffset : $0.highWatermark }
    }

    func writtenOffsets(of partitions: [TopicPartition]) throws(ClientError) -> [TopicPartition: Int64] {
        try offsets(of: partitions) { $0.highWatermark }
    }

    func offsets(at timestamps: [TopicPartition: Int64]) throws(ClientError) -> [TopicPartition: Int64] {
        try broker.offsets(at: timestamps)
    }

    func partitionCount(of topic: String) throws(ClientError) -> Int32? {
        broker.topic(topic)?.record.partitionCount
    }

    private func offsets(
        of partitions: [TopicPartition],
        _ offset: (PartitionLog) -> Int64
    ) throws(ClientError) -> [TopicPartition: Int64] {
        var found: [TopicPartition: Int64] = [:]
        for id in partitions { found[id] = offset(try broker.find(id).log) }
        return found
    }

    private func notAssigned(_ partition: TopicPartition) -> ClientError {
        ClientError(.invalidArgument, "\(partition) is not assigned to this consumer")
    }
}
