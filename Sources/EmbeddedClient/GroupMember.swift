import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import Synchronization

/// A consumer's part in its group: joins, assigns when it leads, reports that it lives, and joins again when the group
/// asks for it. Advanced by the consumer's polls; nothing here blocks.
///
/// Rebalances are eager: all partitions are given back, then the new ones come.
final class GroupMember {
    /// What the consumer has to act on.
    enum Event {
        /// Another round begins: the partitions are to be given back, and positions can still be committed.
        case revoked
        /// The group went on without this member.
        case lost
        case assigned([TopicPartition])
    }

    private enum State {
        case unjoined
        case joining
        case syncing
        case stable
    }

    let topics: [String]
    private let groupId: String
    private let settings: ConsumerSettings
    private let broker: EmbeddedBroker
    private let inbox: Inbox
    private var state = State.unjoined
    private var memberId = ""
    private var generation: Int32 = -1
    private var lastHeartbeat: Int64 = 0
    private var isLeader = false
    /// What the leader assigned from; when it changes, the group is asked to rebalance.
    private var assignedCounts: [String: Int32] = [:]
    private var knownTopics: Set<String> = []

    /// Where the coordinator's answers arrive, from any thread.
    private final class Inbox: Sendable {
        let answer = Mutex<GroupAnswer?>(nil)
        /// The member has left: an answer that comes now must not leave a member behind that nobody is.
        let isDeserted = Atomic<Bool>(false)
        let wakeup: Wakeup

        init(wakeup: Wakeup) {
            self.wakeup = wakeup
        }
    }

    init(groupId: String, topics: [String], settings: ConsumerSettings, broker: EmbeddedBroker, wakeup: Wakeup) {
        self.groupId = groupId
        self.topics = topics.sorted()
        self.settings = settings
        self.broker = broker
        inbox = Inbox(wakeup: wakeup)
    }

    /// The membership to commit with.
    var membership: GroupMembership {
        GroupMembership(
            groupId: groupId,
            memberId: memberId,
            generation: generation,
            groupInstanceId: settings.groupInstanceId
        )
    }

    /// Takes the next step, if there is one to take now; nil otherwise.
    func advance(now: Int64) throws(ClientError) -> Event? {
        switch state {
        case .unjoined:
            join()
            return try advance(now: now)
        case .joining, .syncing:
            let answer = inbox.answer.withLock { answer in
                defer { answer = nil }
                return answer
            }
            guard let answer else { return nil }
            return try handle(answer, now)
        case .stable:
            return try heartbeat(now)
        }
    }

    /// Whether an answer of the coordinator is awaited.
    var isRebalancing: Bool { state != .stable }

    func leave() {
        guard settings.groupInstanceId == nil else { return }
        inbox.isDeserted.store(true, ordering: .sequentiallyConsistent)
        let unread = inbox.answer.withLock { $0 }
        if memberId.isEmpty, case .joined(let joined) = unread { memberId = joined.memberId }
        guard !memberId.isEmpty else { return }
        // A member that cannot leave is removed when its session runs out.
        try? broker.groups.leave(membership)
        memberId = ""
        state = .unjoined
    }

    private func join() {
        state = .joining
        let subscription = ConsumerSubscription(topics: topics)
        let request = JoinGroupRequest(
            groupId: groupId,
            memberId: memberId,
            groupInstanceId: settings.groupInstanceId,
            clientId: settings.clientId,
            sessionTimeoutMs: Int32(clamping: settings.sessionTimeout.wholeMilliseconds),
            rebalanceTimeoutMs: Int32(clamping: settings.rebalanceTimeout.wholeMilliseconds),
            protocols: [GroupProtocol(name: RangeAssignor.name, metadata: subscription.encoded())]
        )
        broker.groups.join(request, reply: receive)
    }

    private var receive: @Sendable (GroupAnswer) -> Void {
        { [inbox, weak groups = broker.groups, groupId] answer in
            inbox.answer.withLock { $0 = answer }
            inbox.wakeup.ring()
            if case .joined(let joined) = answer, inbox.isDeserted.load(ordering: .sequentiallyConsistent) {
                let membership = GroupMembership(
                    groupId: groupId,
                    memberId: joined.memberId,
                    generation: joined.generation
                )
                // Refused if it has left meanwhile.
                try? groups?.leave(membership)
            }
        }
    }

    private func handle(_ answer: GroupAnswer, _ now: Int64) throws(ClientError) -> Event? {
        switch answer {
        case .joined(let joined):
            memberId = joined.memberId
            generation = joined.generation
            isLeader = joined.isLeader
            state = .syncing
            var assignments: [String: [UInt8]] = [:]
            if joined.isLeader, !joined.skipsAssignment { assignments = assign(joined.members) }
            broker.groups.sync(
                SyncGroupRequest(
                    groupId: groupId,
                    memberId: memberId,
                    groupInstanceId: settings.groupInstanceId,
                    generation: generation,
                    assignments: assignments
                ),
                reply: receive
            )
            return try advance(now: now)
        case .synced(let synced):
            state = .stable
            lastHeartbeat = now
            return .assigned(try partitions(of: synced.assignment))
        case .joinRefused(let error, let newMemberId):
            return try refuse(error, newMemberId, now)
        case .syncRefused(let error):
            return try refuse(error, memberId, now)
        }
    }

    private func partitions(of assignment: [UInt8]) throws(ClientError) -> [TopicPartition] {
        guard !assignment.isEmpty else { return [] }
        do throws(CoordinatorRecordError) {
            return try ConsumerAssignment(decoding: assignment).partitions.sorted()
        } catch {
            throw ClientError(.other, "the leader of group \(groupId) sent an assignment that cannot be read: \(error)")
        }
    }

    private func refuse(
        _ error: CoordinatorError,
        _ newMemberId: String,
        _ now: Int64
    ) throws(ClientError) -> Event? {
        state = .unjoined
        switch error.code {
        case .memberIdRequired:
            memberId = newMemberId
            return try advance(now: now)
        case .rebalanceInProgress:
            return try advance(now: now)
        case .unknownMemberId, .illegalGeneration:
            memberId = ""
            generation = -1
            return try advance(now: now)
        case .coordinatorNotAvailable:
            // The next poll tries again.
            return nil
        default:
            throw ClientError(BrokerError(error))
        }
    }

    private func heartbeat(_ now: Int64) throws(ClientError) -> Event? {
        guard now - lastHeartbeat >= Self.heartbeatNanoseconds else { return nil }
        lastHeartbeat = now
        do throws(BrokerError) {
            if isLeader, assignedCounts != partitionCounts() {
                state = .unjoined
                return .revoked
            }
            try broker.groups.heartbeat(membership)
            return nil
        } catch {
            let translated = ClientError(error)
            state = .unjoined
            switch translated.code {
            case .rebalanceInProgress:
                return .revoked
            case .memberFenced where error.code.rawValue != CoordinatorErrorCode.fencedInstanceId.rawValue:
                memberId = ""
                generation = -1
                return .lost
            default:
                throw translated
            }
        }
    }

    /// A call in the same process costs little, so that rebalances are noticed soon.
    private static let heartbeatNanoseconds: Int64 = 20_000_000

    private func partitionCounts() -> [String: Int32] {
        var counts: [String: Int32] = [:]
        for topic in knownTopics { counts[topic] = broker.topic(topic)?.record.partitionCount }
        return counts
    }

    /// The leader's work: Kafka's range assignment over what all members subscribe to.
    private func assign(_ members: [JoinedGroup.Member]) -> [String: [UInt8]] {
        let subscribed = members.map { member in
            RangeAssignor.Member(
                memberId: member.memberId,
                groupInstanceId: member.groupInstanceId,
                // A member whose subscription cannot be read gets nothing.
                topics: (try? ConsumerSubscription(decoding: member.metadata).topics) ?? []
            )
        }
        knownTopics = Set(subscribed.flatMap(\.topics))
        assignedCounts = partitionCounts()
        return RangeAssignor.assign(subscribed, partitionCounts: assignedCounts)
            .mapValues { ConsumerAssignment(partitions: $0).encoded() }
    }
}
