import MillracePrimitives

/// Hears of partitions coming and going while a consumer polls, on the polling thread.
///
/// Under an eager strategy each rebalance takes all partitions away first and then gives the new ones, perhaps the same
/// or none. Under `AssignmentStrategy.cooperativeSticky` both calls name only what changes. Source: KIP-429.
public protocol RebalanceListener: AnyObject {
    /// The group takes these partitions away; positions can still be committed. Also called when a member leaves its
    /// group in order.
    func partitionsRevoked(_ partitions: [TopicPartition])
    /// The group gives these partitions to this consumer, in addition to what it has.
    func partitionsAssigned(_ partitions: [TopicPartition])
    /// These partitions are gone already: another member may have them, and commits would be fenced.
    func partitionsLost(_ partitions: [TopicPartition])
}
