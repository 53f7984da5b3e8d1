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

    struct Place {
        let partition: Partition
        /// Nil until the group's position, or the beginning by the reset policy, is known.
        var position: Int64?
        var isPaused = false
    }

    let broker: EmbeddedBroker
    private(set) var settings: ConsumerSettings
    var places: [TopicPartition: Place] = [:]
    /// The keys of `places`, sorted.
    private(set) var order: [TopicPartition] = []
    var nextInOrder = 0
    private(set) var member: GroupMember?
    private weak var listener: (any RebalanceListener)?
    var decompressor = Decompressor()
    private var isClosed = false

    init(broker: EmbeddedBroker, settings: ConsumerSettings) {
        self.broker = broker
        self.settings = settings
    }

    deinit {
        for place in places.values { place.partition.unwatch(wakeup) }
    }

    // Subscription

    func subscribe(to topics: [String], listener: (any RebalanceListener)?) throws(ClientError) {
        guard !topics.isEmpty else { throw ClientError(.invalidArgument, "subscribe needs at least one topic") }
        try subscribe(.names(topics), listener)
    }

    func subscribe(
        toTopicsWhere isWanted: @escaping @Sendable (String) -> Bool,
        listener: (any RebalanceListener)?
    ) throws(ClientError) {
        try subscribe(.matching(isWanted), listener)
    }

    private func subscribe(_ selection: TopicSelection, _ listener: (any RebalanceListener)?) throws(ClientError) {
        try checkOpen()
        guard let groupId = settings.groupId else {
            throw ClientError(.invalidArgument, "subscribe needs a groupId; use assign without one")
        }
        if let member {
            member.select(selection)
        } else {
            drop(order)
            member = GroupMember(
                groupId: groupId,
                selection: selection,
                settings: settings,
                broker: broker,
                wakeup: wakeup
            )
        }
        self.listener = listener
    }

    func setOffsetReset(_ reset: OffsetReset, of topic: String) {
        settings.topicOffsetResets[topic] = reset
    }

    func assign(_ partitions: [TopicPartition]) throws(ClientError) {
        try checkOpen()
        for partition in partitions { _ = try broker.find(partition) }
        leaveGroup()
        let wanted = Set(partitions)
        drop(order.filter { !wanted.contains($0) })
        add(partitions)
    }

    var assignment: [TopicPartition] { order }

    var membership: GroupMembership? {
        member?.membership ?? settings.groupId.map { GroupMembership(groupId: $0) }
    }

    // Polling

    func poll(timeout: Duration) throws(ClientError) -> [FetchedRecords] {
        // A reader that is at the end of its partitions would otherwise wait for ever.
        try checkOpen()
        member?.polled(broker.time.monotonicNanoseconds, isWaiting: false)
        if try advanceGroup() { return [] }
        let fetched = try fetch()
        if !fetched.isEmpty || timeout <= .zero { return fetched }
        member?.polled(broker.time.monotonicNanoseconds, isWaiting: true)
        wakeup.wait(for: timeout)
        member?.polled(broker.time.monotonicNanoseconds, isWaiting: false)
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
            case .revoked(let partitions): giveBack(partitions)
            case .lost(let partitions):
                listener?.partitionsLost(partitions)
                drop(partitions)
            case .assigned(let partitions):
                add(partitions)
                listener?.partitionsAssigned(partitions)
                return true
            }
        }
        return hasChanged
    }

    /// What was read counts; then the partitions are the group's again.
    private func giveBack(_ partitions: [TopicPartition]) {
        if settings.autoCommitInterval != nil { commitOnRevocation() }
        listener?.partitionsRevoked(partitions)
        drop(partitions)
    }

    /// Before the end, or another way to get partitions.
    private func leaveGroup() {
        guard let member else { return }
        let owned = member.ownedPartitions
        if member.hasLostMembership {
            listener?.partitionsLost(owned)
            drop(owned)
        } else if !owned.isEmpty {
            giveBack(owned)
        }
        self.member = nil
        member.leave()
    }

    /// Everything that earlier polls returned counts as done.
    private func commitOnRevocation() {
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for (id, place) in places where !place.partition.isAbandoned {
            if let position = place.position { offsets[id] = CommittedOffset(offset: position) }
        }
        // A commit that comes too late is refused, and the new owner reads the records again.
        if !offsets.isEmpty { try? commit(offsets) }
    }

    private func add(_ partitions: [TopicPartition]) {
        for id in partitions where places[id] == nil {
            guard let partition = try? broker.partition(id) else { continue }
            partition.watch(wakeup)
            places[id] = Place(partition: partition, position: nil)
        }
        order = places.keys.sorted()
        nextInOrder = 0
    }

    private func drop(_ partitions: [TopicPartition]) {
        for id in partitions { places.removeValue(forKey: id)?.partition.unwatch(wakeup) }
        order = places.keys.sorted()
        nextInOrder = 0
    }

    func close() {
        guard !isClosed else { return }
        leaveGroup()
        drop(order)
        isClosed = true
    }

    func checkOpen() throws(ClientError) {
        if isClosed { throw ClientError(.closed, "the consumer is closed") }
        try client { () throws(BrokerError) in try broker.checkOpen() }
    }
}
