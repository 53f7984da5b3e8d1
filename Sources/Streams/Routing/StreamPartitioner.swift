/// The partitions of a topic that a record is written to.
///
/// An integer literal is one partition, an array literal any number: `[]` leaves the record out.
public enum PartitionChoice: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    /// The partition of its key, as Kafka's default partitioner chooses it.
    case byKey
    /// One partition.
    case partition(Int32)
    /// A copy to each of these partitions; none leaves the record out.
    case partitions(Set<Int32>)
    /// A copy to each partition that the topic has.
    case all
    /// None: the record is left out.
    case drop

    /// One partition.
    @inlinable
    public init(integerLiteral partition: Int32) {
        self = .partition(partition)
    }

    /// A copy to each of these partitions.
    @inlinable
    public init(arrayLiteral partitions: Int32...) {
        self = .partitions(Set(partitions))
    }
}

/// The topic that a partitioner is asked about.
public struct PartitionedTopic: Hashable, Sendable {
    /// The topic's full name.
    public var name: String
    /// How many partitions it has.
    public var partitionCount: Int32

    /// Names a topic.
    @inlinable
    public init(name: String, partitionCount: Int32) {
        self.name = name
        self.partitionCount = partitionCount
    }
}

/// Chooses the partitions of each record that is written: what Kafka Streams calls `StreamPartitioner` (KIP-873).
///
///     orders.to("orders-by-region", partitioner: StreamPartitioner { _, order, partitionCount in
///         .partition(order.region % partitionCount)
///     })
///     rates.to("rates", partitioner: .broadcast)
public struct StreamPartitioner<Key, Value>: Sendable {
    @usableFromInline let choose: @Sendable (Record<Key, Value>, PartitionedTopic) throws -> PartitionChoice

    /// Makes a partitioner from a function of the whole record and the topic that it goes to.
    @inlinable
    public init(_ choose: @escaping @Sendable (Record<Key, Value>, PartitionedTopic) throws -> PartitionChoice) {
        self.choose = choose
    }

    /// Makes a partitioner from a function of key, value and the topic's number of partitions.
    @inlinable
    public init(_ choose: @escaping @Sendable (Key, Value, Int32) throws -> PartitionChoice) {
        self.choose = { record, topic in try choose(record.key, record.value, topic.partitionCount) }
    }

    /// A copy of each record to each partition.
    @inlinable
    public static var broadcast: StreamPartitioner { StreamPartitioner { _, _, _ in .all } }
}
