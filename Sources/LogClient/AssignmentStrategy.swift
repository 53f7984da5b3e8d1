/// How the members of a group divide the partitions among themselves. Kafka: `partition.assignment.strategy`.
public enum AssignmentStrategy: String, Hashable, Sendable, CaseIterable {
    /// Runs of each topic's partitions. Topics with equally many partitions give each member the same numbers, as joins
    /// need.
    case range
    /// One by one over all topics.
    case roundRobin = "roundrobin"
    /// Even, and with few moves from one rebalance to the next.
    case sticky
    /// As `sticky`; and members go on reading while the group rebalances, since only what moves is given back (KIP-429).
    /// All members of a group have to offer it, and a member that offers another strategy with it gives everything back
    /// in each rebalance.
    case cooperativeSticky = "cooperative-sticky"
}
