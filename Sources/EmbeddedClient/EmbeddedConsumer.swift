import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

/// A consumer's connection to a broker in the same process: batches go from the log's file into the memory that the
/// reader walks over.
///
/// Used by one thread at a time, which owns everything in here; `wakeup` may be rung by any.
final class EmbeddedConsumer: ConsumerConnection, @unchecked Sendable {
    // Sendable by contract: the protocol says that one thread at a time uses a connection.
    let wakeup = Wakeup()

    private struct Place {
        let partition: Partition
        /// Nil until the group's position, or the beginning by the reset policy, is known.
        var position: Int64?
        var isPaused = false
    }

    private let broker: EmbeddedBroker
    private let settings: ConsumerSettings
    private var places: [TopicPartition: Place] = [:]
    private var order: [TopicPartition] = []
    private var nextInOrder = 0
    private var member: GroupMember?
    private weak var listener: (any RebalanceListener)?
    private var decompressor = Decompressor()
    private var isClosed = false

    init(broker: EmbeddedBroker, settings: ConsumerSettings) {
        self.broker = broker
        self.settings = settings
    }

    func subscribe(to topics: [String], listener: (any RebalanceListener)?) throws(ClientError) {
        try checkOpen()
        guard let groupId = settings.groupId else {
            throw ClientError(.invalidArgument, "subscribe needs a groupId; use assign without one")
        }
        guard !topics.isEmpty else { throw ClientError(.invalidArgument, "subscribe needs at least one topic") }
        leaveGroup()
        setAssignment([])
        self.listener = listener
        member = GroupMember(groupId: groupId, topics: topics, settings: settings, broker: broker, wakeup: wakeup)
    }

    func assign(_ partitions: [TopicPartition]) throws(ClientError) {
        try checkOpen()
        for partition in partitions { _ = try find(partition) }
        leaveGroup()
        member = nil
        setAssignment(partitions)
    }

    var assignment: [TopicPartition] { order }

    var membership: GroupMembership? {
        member?.membership ?? settings.groupId.map { GroupMembership(groupId: $0) }
    }

    func poll(timeout: Duration) throws(ClientError) -> [FetchedRecords] {
        try checkOpen()
        // A reader that is at the end of its partitions would otherwise wait for ever.
        try client { () throws(BrokerError) in try broker.checkOpen() }
        if try advanceGroup() { return [] }
        let fetched = try fetch()
        if !fetched.isEmpty || timeout <= .zero { return fetched }
        wakeup.wait(for: timeout)
        try checkOpen()
        if try advanceGroup() { return [] }
        return try fetch()
    }

    /// Takes part in the group; returns whether partitions came or went.
    private func advanceGroup() throws(ClientError) -> Bool {
        guard let member else { return false }
        var hasChanged = false
        while let event = try member.advance(now: broker.time.monotonicNanoseconds) {
            hasChanged = true
            switch event {
            case .revoked:
                if settings.autoCommitInterval != nil { commitOnRevocation() }
                listener?.partitionsRevoked(order)
                setAssignment([])
            case .lost:
                listener?.partitionsLost(order)
                setAssignment([])
            case .assigned(let partitions):
                setAssignment(partitions)
                listener?.partitionsAssigned(partitions)
                return true
            }
        }
        return hasChanged
    }

    /// Before another subscription or assignment: what was read counts, then the partitions go to the other members.
    private func leaveGroup() {
        guard let member else { return }
        if settings.autoCommitInterval != nil { commitOnRevocation() }
        member.leave()
    }

    /// Everything that earlier polls returned counts as done.
    private func commitOnRevocation() {
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for (id, place) in places {
            if let position = place.position { offsets[id] = CommittedOffset(offset: position) }
        }
        // A commit that comes too late is refused, and the new owner reads the records again.
        if !offsets.isEmpty { try? commit(offsets) }
    }

    private func setAssignment(_ partitions: [TopicPartition]) {
        for place in places.values { place.partition.unwatch(wakeup) }
        var assigned: [TopicPartition: Place] = [:]
        for id in partitions {
            guard let partition = try? broker.partition(id) else { continue }
            partition.watch(wakeup)
            assigned[id] = Place(partition: partition, position: nil)
        }
        places = assigned
        order = assigned.keys.sorted()
        nextInOrder = 0
    }

    // Fetching

    private func fetch() throws(ClientError) -> [FetchedRecords] {
        var fetched: [FetchedRecords] = []
        var remaining = settings.maximumBytes
        let first = nextInOrder
        // Also after a failure, so that a damaged partition does not keep the others from being read.
        if !order.isEmpty { nextInOrder = (first + 1) % order.count }
        for step in order.indices {
            guard remaining > 0 else { break }
            let id = order[(first + step) % order.count]
            guard let place = places[id], !place.isPaused else { continue }
            do throws(ClientError) {
                guard let records = try fetch(id, place, min(remaining, settings.maximumPartitionBytes)) else {
                    continue
                }
                remaining -= records.sizeInBytes
                places[id]?.position = records.nextOffset
                fetched.append(records)
            } catch {
                // What was fetched before has moved its positions, so it is delivered; the failure comes again.
                if fetched.isEmpty { throw error }
                break
            }
        }
        return fetched
    }

    private func fetch(
        _ id: TopicPartition,
        _ known: Place,
        _ maximumBytes: Int
    ) throws(ClientError) -> FetchedRecords? {
        let place = try known.partition.isAbandoned ? replace(id, known) : known
        guard let position = try position(id, place) else { return nil }
        places[id]?.position = position
        return try fetch(id, place.partition, position, maximumBytes)
    }

    /// The place in a partition that took over the name of one that was deleted; nothing was read of it.
    private func replace(_ id: TopicPartition, _ gone: Place) throws(ClientError) -> Place {
        let place = Place(partition: try find(id), position: nil)
        gone.partition.unwatch(wakeup)
        place.partition.watch(wakeup)
        places[id] = place
        return place
    }

    private func fetch(
        _ id: TopicPartition,
        _ partition: Partition,
        _ position: Int64,
        _ maximumBytes: Int
    ) throws(ClientError) -> FetchedRecords? {
        let isCommitted = settings.isolation == .readCommitted
        let end = isCommitted ? partition.log.lastStableOffset : partition.log.highWatermark
        if position == end { return nil }
        let records = FetchedRecords(partition: id, startOffset: position)
        let result: ReadResult
        do throws(LogError) {
            result = try records.fill { (buffer) throws(LogError) in
                try partition.log.read(
                    from: position,
                    maximumBytes: maximumBytes,
                    upTo: isCommitted ? .lastStableOffset : .highWatermark,
                    atLeastOneBatch: true,
                    into: &buffer
                )
            }
        } catch {
            if case .outOfRange = error { return try reset(id, partition, position) }
            // Deleted since the look at it; the next poll finds out what there is instead.
            if case .closed = error, (try? broker.checkOpen()) != nil { return nil }
            throw ClientError(BrokerError(error))
        }
        guard result.nextOffset > position else { return nil }
        records.highWatermark = result.highWatermark
        records.lastStableOffset = isCommitted ? result.lastStableOffset : result.highWatermark
        records.logStartOffset = result.logStartOffset
        do throws(RecordFormatError) {
            try records.index(
                aborted: result.abortedTransactions.map {
                    AbortedRange(producerId: $0.producerId, firstOffset: $0.firstOffset)
                },
                decompressor: &decompressor
            )
        } catch {
            throw ClientError(
                .corruptRecord,
                "\(id) cannot be read at or after offset \(position): \(error). Restore the partition from a copy, or seek "
                    + "past the damage"
            )
        }
        // Beyond the last batch there may be a gap that compaction has left.
        records.nextOffset = max(records.nextOffset, result.nextOffset)
        return records
    }

    private func position(_ id: TopicPartition, _ place: Place) throws(ClientError) -> Int64? {
        if let position = place.position { return position }
        return try startingPosition(of: id, place.partition)
    }

    /// Where to begin in a partition; nil while a transaction is about to decide it.
    private func startingPosition(of id: TopicPartition, _ partition: Partition) throws(ClientError) -> Int64? {
        if let groupId = settings.groupId {
            let found = broker.groups.fetchOffsets(of: groupId, [id], requiresStable: true)[id]
            switch found {
            case .committed(let offset): return offset.offset
            case .unstable: return nil
            case .some(.none), nil: break
            }
        }
        return try resetPosition(id, partition) {
            ClientError(
                .noOffset,
                "no offset is committed for \(id), and offsetReset is .none; seek, or choose .earliest or .latest"
            )
        }
    }

    private func reset(
        _ id: TopicPartition,
        _ partition: Partition,
        _ position: Int64
    ) throws(ClientError) -> FetchedRecords? {
        let start = partition.log.logStartOffset
        let end = partition.log.logEndOffset
        let target = try resetPosition(id, partition) {
            ClientError(
                .offsetOutOfRange,
                "offset \(position) of \(id) lies outside of what the partition holds (\(start) to \(end)), and "
                    + "offsetReset is .none; seek, or choose .earliest or .latest"
            )
        }
        places[id]?.position = target
        return nil
    }

    private func resetPosition(
        _ id: TopicPartition,
        _ partition: Partition,
        otherwise error: () -> ClientError
    ) throws(ClientError) -> Int64 {
        switch settings.offsetReset {
        case .earliest: return partition.log.logStartOffset
        case .latest:
            return settings.isolation == .readCommitted
                ? partition.log.lastStableOffset : partition.log.highWatermark
        case .none: throw error()
        }
    }

    // Positions

    func position(of partition: TopicPartition) throws(ClientError) -> Int64 {
        guard let place = places[partition] else { throw notAssigned(partition) }
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
        var found: [TopicPartition: Int64] = [:]
        for (id, timestamp) in timestamps {
            let log = try find(id).log
            do throws(LogError) {
                found[id] = try log.offset(forTimestamp: timestamp)?.offset
            } catch {
                throw ClientError(BrokerError(error))
            }
        }
        return found
    }

    func partitionCount(of topic: String) throws(ClientError) -> Int32? {
        broker.topic(topic)?.record.partitionCount
    }

    func close() {
        guard !isClosed else { return }
        member?.leave()
        setAssignment([])
        isClosed = true
    }

    private func offsets(
        of partitions: [TopicPartition],
        _ offset: (PartitionLog) -> Int64
    ) throws(ClientError) -> [TopicPartition: Int64] {
        var found: [TopicPartition: Int64] = [:]
        for id in partitions { found[id] = offset(try find(id).log) }
        return found
    }

    private func find(_ id: TopicPartition) throws(ClientError) -> Partition {
        try client { () throws(BrokerError) in try broker.partition(id) }
    }

    private func checkOpen() throws(ClientError) {
        if isClosed { throw ClientError(.closed, "the consumer is closed") }
        try client { () throws(BrokerError) in try broker.checkOpen() }
    }

    private func notAssigned(_ partition: TopicPartition) -> ClientError {
        ClientError(.invalidArgument, "\(partition) is not assigned to this consumer")
    }
}
