import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// A consumer's part in its group: joins, assigns when it leads, reports that it lives, and joins again when the group
/// asks for it. Advanced by the consumer's polls, on its thread; nothing here blocks. Between polls its pulse reports.
///
/// Rebalances are eager (all partitions are given back, then the new ones come), or cooperative if all of the member's
/// strategies are: it keeps what it has while it joins, gives back what the assignment does not name any more, and joins
/// once more, so that another member gets that (KIP-429).
final class GroupMember {
    /// What the consumer has to act on, in this order.
    enum Event {
        /// The partitions are to be given back, and positions can still be committed.
        case revoked([TopicPartition])
        /// The group went on without this member, which has lost them.
        case lost([TopicPartition])
        /// The partitions come to those that the consumer has.
        case assigned([TopicPartition])
    }

    private enum State {
        case unjoined
        case joining
        case syncing
        case stable
        /// Another instance has this one's name; nothing but the error is left.
        case fenced(ClientError)
    }

    /// The identity to commit with: the last one that the group gave. It is kept when the group goes on without this
    /// member, so that a commit that comes late is fenced and not taken for a stranger's.
    private(set) var membership: GroupMembership

    private let settings: ConsumerSettings
    private let broker: EmbeddedBroker
    private let inbox: GroupInbox
    private let pulse: MembershipPulse
    private let assignors: [PartitionAssignor]
    private var selection: TopicSelection
    private var state = State.unjoined
    private var events: [Event] = []
    /// The id to join with; empty for a new member.
    private var joinId = ""
    /// The topics of the last join, sorted.
    private var topics: [String] = []
    /// What the group gave it and it has not given back.
    private(set) var ownedPartitions: [TopicPartition] = []
    /// What the group assigned last, given back or not, and in which generation.
    private var lastAssigned: (partitions: [TopicPartition], generation: Int32) = ([], -1)
    private var mustRejoin = false
    private var lastHeartbeat: Int64 = 0
    private var leadership: GroupLeadership?
    private var topicsVersion: UInt64 = 0

    init(
        groupId: String,
        selection: TopicSelection,
        settings: ConsumerSettings,
        broker: EmbeddedBroker,
        wakeup: Wakeup
    ) {
        membership = GroupMembership(groupId: groupId, groupInstanceId: settings.groupInstanceId)
        self.selection = selection
        self.settings = settings
        self.broker = broker
        assignors = settings.assignmentStrategies.compactMap { PartitionAssignor(name: $0.rawValue) }
        pulse = MembershipPulse(
            membership: membership,
            heartbeatInterval: settings.heartbeatInterval,
            maximumPollInterval: settings.maximumPollInterval,
            groups: broker.groups,
            wakeup: wakeup,
            now: broker.time.monotonicNanoseconds
        )
        inbox = GroupInbox(membership: membership, wakeup: wakeup, pulse: pulse, time: broker.time)
        broker.pulses.add(pulse)
    }

    /// Whether its own assignment is not known, so that nothing can be committed. Not while partitions are given back.
    var isAwaitingAssignment: Bool {
        switch state {
        case .unjoined: membership.generation < 0
        case .joining, .syncing: true
        case .stable, .fenced: false
        }
    }

    /// Whether the group went on without this member, which does not know it yet.
    var hasLostMembership: Bool { pulse.takeExpiry() }

    private var isCooperative: Bool { assignors.allSatisfy(\.isCooperative) }

    /// Reads other topics from the next rebalance on, which it asks for.
    func select(_ selection: TopicSelection) {
        self.selection = selection
        mustRejoin = true
    }

    /// The consumer polls, and waits for records if `isWaiting`.
    func polled(_ now: Int64, isWaiting: Bool) { pulse.polled(now, isWaiting: isWaiting) }

    /// Takes the steps that can be taken now, up to the first that the consumer has to act on; nil if there is none.
    func advance(now: Int64) throws(ClientError) -> Event? {
        while true {
            if pulse.takeExpiry() { lose(keepsId: false) }
            if !events.isEmpty { return events.removeFirst() }
            switch state {
            case .fenced(let error): throw error
            case .unjoined: join()
            case .joining, .syncing:
                guard let answer = inbox.take(), try handle(answer, now) else { return nil }
            case .stable:
                guard try look(now) else { return nil }
            }
        }
    }

    /// Leaves the group, unless it is a static member, which may come back.
    func leave() {
        broker.pulses.remove(pulse)
        pulse.pause()
        ownedPartitions = []
        guard settings.groupInstanceId == nil else { return }
        if case .joined(let joined)? = inbox.take() { joinId = joined.memberId }
        inbox.giveUp()
        guard !joinId.isEmpty else { return }
        var leaving = membership
        leaving.memberId = joinId
        // A member that cannot leave is removed when its session runs out.
        try? broker.groups.leave(leaving)
        joinId = ""
        state = .unjoined
    }

    // Joining

    private func join() {
        state = .joining
        mustRejoin = false
        pulse.pause()
        topicsVersion = broker.topicsVersion
        topics = selection.topics(on: broker)
        let request = JoinGroupRequest(
            groupId: membership.groupId,
            memberId: joinId,
            groupInstanceId: settings.groupInstanceId,
            clientId: settings.clientId,
            sessionTimeoutMs: Int32(clamping: settings.sessionTimeout.wholeMilliseconds),
            rebalanceTimeoutMs: Int32(clamping: settings.maximumPollInterval.wholeMilliseconds),
            protocols: assignors.map { assignor in
                let subscription = assignor.subscription(
                    topics: topics,
                    owned: ownedPartitions,
                    previous: lastAssigned.partitions,
                    generation: lastAssigned.generation
                )
                return GroupProtocol(name: assignor.name, metadata: subscription.encoded())
            }
        )
        broker.groups.join(request, reply: inbox.ask(broker.groups))
    }

    /// Takes an answer in; returns whether there is more to do now.
    private func handle(_ answer: GroupAnswer, _ now: Int64) throws(ClientError) -> Bool {
        switch answer {
        case .joined(let joined):
            try sync(joined)
            return true
        case .synced(let synced):
            state = .stable
            lastHeartbeat = now
            try take(synced.assignment)
            return true
        case .joinRefused(let error, let newMemberId):
            if error.code == .memberIdRequired { joinId = newMemberId }
            return try handleRefusal(error)
        case .syncRefused(let error):
            return try handleRefusal(error)
        }
    }

    private func sync(_ joined: JoinedGroup) throws(ClientError) {
        joinId = joined.memberId
        membership.memberId = joined.memberId
        membership.generation = joined.generation
        leadership = nil
        var assignments: [String: [UInt8]] = [:]
        if joined.isLeader {
            let leadership = try GroupLeadership(joined, on: broker)
            if !joined.skipsAssignment { assignments = leadership.assignments }
            self.leadership = leadership
        }
        state = .syncing
        let request = SyncGroupRequest(
            groupId: membership.groupId,
            memberId: joined.memberId,
            groupInstanceId: settings.groupInstanceId,
            generation: joined.generation,
            protocolType: joined.protocolType,
            protocolName: joined.protocolName,
            assignments: assignments
        )
        broker.groups.sync(request, reply: inbox.ask(broker.groups))
    }

    private func take(_ assignment: [UInt8]) throws(ClientError) {
        let partitions: [TopicPartition]
        do throws(CoordinatorRecordError) {
            partitions = try ConsumerAssignment(decoding: assignment).partitions.sorted()
        } catch {
            throw ClientError(
                .other,
                "the leader of group \(membership.groupId) sent an assignment that cannot be read: \(error)"
            )
        }
        let wanted = Set(partitions)
        let revoked = ownedPartitions.filter { !wanted.contains($0) }
        let kept = Set(ownedPartitions)
        if !revoked.isEmpty {
            events.append(.revoked(revoked))
            // Its new owner gets what was given back in another rebalance only.
            mustRejoin = true
        }
        events.append(.assigned(partitions.filter { !kept.contains($0) }))
        ownedPartitions = partitions
        lastAssigned = (partitions, membership.generation)
    }

    private func handleRefusal(_ error: CoordinatorError) throws(ClientError) -> Bool {
        state = .unjoined
        switch error.code {
        case .memberIdRequired, .rebalanceInProgress: return true
        case .unknownMemberId: lose(keepsId: false)
        case .illegalGeneration: lose(keepsId: true)
        case .fencedInstanceId: fence(ClientError(BrokerError(error)))
        // The next poll tries again.
        case .coordinatorNotAvailable: return false
        default: throw ClientError(BrokerError(error))
        }
        return true
    }

    // Membership

    /// Looks whether the member has to join again; returns whether there is something to do.
    private func look(_ now: Int64) throws(ClientError) -> Bool {
        if mustRejoin || hasOtherTopics() {
            prepareJoin()
            return true
        }
        guard pulse.takeCall() || now - lastHeartbeat >= Self.heartbeatNanoseconds else { return false }
        lastHeartbeat = now
        pulse.reported(now)
        do throws(BrokerError) {
            try broker.groups.heartbeat(membership)
            return false
        } catch {
            switch CoordinatorErrorCode(rawValue: error.code.rawValue) {
            case .rebalanceInProgress: prepareJoin()
            case .unknownMemberId: lose(keepsId: false)
            case .illegalGeneration: lose(keepsId: true)
            case .fencedInstanceId: fence(ClientError(error))
            case .coordinatorNotAvailable: return false
            default: throw ClientError(error)
            }
            return true
        }
    }

    /// A call in the same process costs little, so that rebalances are noticed soon.
    private static let heartbeatNanoseconds: Int64 = 20_000_000

    private func hasOtherTopics() -> Bool {
        let version = broker.topicsVersion
        guard version != topicsVersion else { return false }
        topicsVersion = version
        return selection.topics(on: broker) != topics || leadership?.isOutdated(on: broker) == true
    }

    private func prepareJoin() {
        state = .unjoined
        guard isCooperative else {
            events.append(.revoked(ownedPartitions))
            ownedPartitions = []
            return
        }
        let wanted = Set(selection.topics(on: broker))
        let unwanted = ownedPartitions.filter { !wanted.contains($0.topic) }
        guard !unwanted.isEmpty else { return }
        events.append(.revoked(unwanted))
        ownedPartitions.removeAll { !wanted.contains($0.topic) }
    }

    private func lose(keepsId: Bool) {
        if !ownedPartitions.isEmpty { events.append(.lost(ownedPartitions)) }
        ownedPartitions = []
        inbox.giveUp()
        pulse.pause()
        if !keepsId { joinId = "" }
        state = .unjoined
    }

    private func fence(_ error: ClientError) {
        lose(keepsId: true)
        state = .fenced(error)
    }
}
