/// Where a group is in its cycle. Source: Kafka protocol guide, "Group Membership API"; `ClassicGroupState`.
///
/// | in this state | joins | syncs | heartbeats | offset commits of members |
/// | --- | --- | --- | --- | --- |
/// | `empty` | begin a rebalance | UNKNOWN_MEMBER_ID | UNKNOWN_MEMBER_ID | only without membership |
/// | `preparingRebalance` | wait for the others | REBALANCE_IN_PROGRESS | REBALANCE_IN_PROGRESS | of the last generation |
/// | `completingRebalance` | repeated: answered; changed: begin anew | wait for the leader | accepted | REBALANCE_IN_PROGRESS |
/// | `stable` | repeated: answered; changed or the leader's: begin a rebalance | answered | accepted | accepted |
/// | `dead` | as `empty`, since there is no group | UNKNOWN_MEMBER_ID | UNKNOWN_MEMBER_ID | only without membership |
///
/// `GroupStateTableTests` has the whole table, and keeps it.
package enum GroupState: Hashable, Sendable, CaseIterable {
    /// No members; there may be offsets.
    case empty
    /// Waiting for the members to join.
    case preparingRebalance
    /// Waiting for the leader's assignment.
    case completingRebalance
    /// All members have their assignments, or can get them.
    case stable
    /// Deleted, or never existed: what is said of groups that are not known.
    case dead

    /// Kafka's name, as its tools print it.
    package var name: String {
        switch self {
        case .empty: "Empty"
        case .preparingRebalance: "PreparingRebalance"
        case .completingRebalance: "CompletingRebalance"
        case .stable: "Stable"
        case .dead: "Dead"
        }
    }

    /// The states that this one may directly follow.
    package var previousStates: Set<GroupState> {
        switch self {
        case .empty: [.preparingRebalance]
        case .preparingRebalance: [.stable, .completingRebalance, .empty]
        case .completingRebalance: [.preparingRebalance]
        case .stable: [.completingRebalance]
        case .dead: [.stable, .preparingRebalance, .completingRebalance, .empty, .dead]
        }
    }

    /// Whether this state may directly follow `previous`.
    package func canFollow(_ previous: GroupState) -> Bool {
        previousStates.contains(previous)
    }
}
