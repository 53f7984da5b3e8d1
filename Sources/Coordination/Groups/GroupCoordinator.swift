import MillracePrimitives

/// Keeps consumer groups: who their members are, which member leads each rebalance, and what they have committed.
///
/// The classic group protocol, complete, with static members (KIP-345), the member id round trip (KIP-394), transactional
/// offset commits (KIP-447) and stable fetches. Pure: events come in with the time, and what follows comes out as a
/// `GroupOutcome`; joins and syncs are answered when the rebalance allows, under the caller's token.
///
/// Offsets change only when `replay` applies a record or `replayTransactionMarker` a marker, live and in recovery alike.
/// Members live in memory; what the log keeps of them is written when a rebalance completes, and `completeLoading` makes
/// groups of it after recovery. One coordinator serves the groups of one partition of `__consumer_offsets`; the runtime
/// owns it behind a lock and handles one event, append and replay included, after the other.
package struct GroupCoordinator: Sendable {
    /// Bounds and timings, with Kafka's defaults where nothing else is said.
    package struct Settings: Hashable, Sendable {
        /// The shortest session timeout that a member may ask for. Kafka: `group.min.session.timeout.ms`.
        package var sessionTimeoutMinimumMs: Int32 = 6_000
        /// The longest session timeout that a member may ask for. Kafka: `group.max.session.timeout.ms`.
        package var sessionTimeoutMaximumMs: Int32 = 1_800_000
        /// How long the first rebalance of an empty group waits for more members. Kafka's default is 3 seconds, for
        /// members on many machines; here most are in one process. Kafka: `group.initial.rebalance.delay.ms`.
        package var initialRebalanceDelayMs: Int64 = 0
        /// How long a new member is kept while its first rebalance takes.
        package var newMemberJoinTimeoutMs: Int64 = 300_000
        /// The most members of a group. Kafka's default is without limit. Kafka: `group.max.size`.
        package var groupSizeMaximum = 10_000
        /// The most bytes of metadata with an offset. Kafka: `offset.metadata.max.bytes`.
        package var offsetMetadataMaximumBytes = 4_096
        /// How long offsets are kept after the group became empty. Kafka: `offsets.retention.minutes`.
        package var offsetsRetentionMs: Int64 = 604_800_000

        /// The defaults.
        package init() {}
    }

    /// The client host of members in this process. They do not outlive it, so they are dropped when a log is loaded,
    /// unless they are static and may come back.
    package static let inProcessHost = "/in-process"
    /// The protocol type of consumers.
    package static let consumerProtocolType = "consumer"

    /// The bounds and timings in force.
    package let settings: Settings
    /// What the log says: equal after recovery.
    package internal(set) var log = GroupLog()

    var groups: [String: ClassicGroup] = [:]
    private var random: SeededRandom

    /// A coordinator that knows of no group yet; member ids are drawn from `random`.
    package init(settings: Settings = Settings(), random: SeededRandom) {
        self.settings = settings
        self.random = random
    }

    /// Applies a record; one of a transactional batch with the batch's producer id.
    package mutating func replay(_ record: GroupRecord, producerId: Int64? = nil) {
        log.replay(record, producerId: producerId)
        if case .group(let groupId, nil) = record, let group = groups[groupId], group.state == .empty {
            groups[groupId] = nil
        }
    }

    /// Applies the marker that ends a producer's transaction: its offsets become the groups', or vanish.
    package mutating func replayTransactionMarker(producerId: Int64, result: TransactionResult) {
        log.replayMarker(producerId: producerId, result: result)
    }

    /// Makes groups of what the log says, once it is replayed. Members in this process went with the last one and are
    /// dropped, but for static ones, or all are kept for an observer who wants to see them. Who is kept has a new session's
    /// time to report.
    package mutating func completeLoading(now: Int64, keepsMembers: Bool = false) -> GroupOutcome {
        var outcome = GroupOutcome()
        groups = [:]
        for (groupId, metadata) in log.groups.sorted(by: { $0.key < $1.key }) {
            var group = ClassicGroup(groupId: groupId, metadata: metadata, now: now)
            let gone = group.members.values.filter { member in
                !keepsMembers && member.clientHost == Self.inProcessHost && member.groupInstanceId == nil
            }
            .map(\.memberId)
            for memberId in gone { group.remove(memberId, into: &outcome) }
            if !gone.isEmpty { group.rebalance(settings: settings, now: now, into: &outcome) }
            groups[groupId] = group
        }
        return outcome
    }

    /// Lets sessions and rebalances run out that are due.
    package mutating func tick(now: Int64) -> GroupOutcome {
        var outcome = GroupOutcome()
        let settings = settings
        for groupId in groups.keys.sorted() {
            guard let deadline = groups[groupId]?.nextDeadline, deadline <= now else { continue }
            withGroup(groupId) { group in group?.tick(settings: settings, now: now, into: &outcome) }
        }
        return outcome
    }

    /// When `tick` will have something to do; nil while nothing can run out.
    package var nextDeadline: Int64? {
        groups.values.lazy.compactMap(\.nextDeadline).min()
    }

    /// Lets `body` change a group in place; nil stands for no group, before and after.
    mutating func withGroup<Value, Failure: Error>(
        _ groupId: String,
        _ body: (inout ClassicGroup?) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        var group = groups.removeValue(forKey: groupId)
        defer {
            if let group, !group.isTrivial { groups[groupId] = group }
        }
        return try body(&group)
    }

    /// A random member id that begins with a name, as Kafka's do.
    mutating func newMemberId(for name: String) -> String {
        let id = Identifier128.random(using: &random)
        func hex(_ value: UInt64, digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: max(digits - text.count, 0)) + text
        }
        return name + "-" + hex(id.high >> 32, digits: 8) + "-" + hex(id.high >> 16 & 0xffff, digits: 4) + "-"
            + hex(id.high & 0xffff, digits: 4) + "-" + hex(id.low >> 48, digits: 4) + "-"
            + hex(id.low & 0xffff_ffff_ffff, digits: 12)
    }

    func validate(groupId: String) throws(CoordinatorError) {
        guard !groupId.isEmpty, groupId.utf8.count <= maximumStringBytes else {
            throw CoordinatorError(
                .invalidGroupId,
                "a group id must have from 1 to \(maximumStringBytes) bytes, not \(groupId.utf8.count)"
            )
        }
    }

    func unknownGroup(_ groupId: String) -> CoordinatorError {
        CoordinatorError(.groupIdNotFound, "there is no group \(groupId)")
    }
}
