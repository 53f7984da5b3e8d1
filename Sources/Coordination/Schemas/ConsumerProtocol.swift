import MillracePrimitives

/// What a member of a consumer group tells the leader when it joins: the `consumer` protocol's subscription.
///
/// Versions 0 to 3 are read and written; a newer version is read as version 3, as later versions only add fields at the
/// end. Source: `ConsumerProtocolSubscription` of Kafka's message schemas; KIP-429, KIP-792, KIP-881.
package struct ConsumerSubscription: Hashable, Sendable {
    /// The topics that the member wants to read.
    package var topics: [String]
    /// What the member's assignor wants to say; nil for nothing.
    package var userData: [UInt8]?
    /// The partitions that the member has now (version 1).
    package var ownedPartitions: [TopicPartition] = []
    /// The generation in which it got them; -1 for none (version 2).
    package var generation: Int32 = -1
    /// The rack that the member runs in (version 3).
    package var rackId: String?

    /// Makes a subscription.
    package init(
        topics: [String],
        userData: [UInt8]? = nil,
        ownedPartitions: [TopicPartition] = [],
        generation: Int32 = -1,
        rackId: String? = nil
    ) {
        self.topics = topics
        self.userData = userData
        self.ownedPartitions = ownedPartitions
        self.generation = generation
        self.rackId = rackId
    }

    /// The bytes, in a version from 0 to 3.
    package func encoded(version: Int16 = 3) -> [UInt8] {
        precondition((0...3).contains(version), "subscriptions have versions 0 to 3")
        var writer = ByteWriter()
        writer.append(version)
        writer.append(Int32(topics.count))
        for topic in topics { writer.append(classic: topic) }
        writer.append(classicNullableBytes: userData)
        if version >= 1 { writer.append(topicPartitions: ownedPartitions) }
        if version >= 2 { writer.append(generation) }
        if version >= 3 { writer.append(classicNullable: rackId) }
        return writer.array
    }

    /// Reads a subscription.
    package init(decoding bytes: [UInt8]) throws(CoordinatorRecordError) {
        let decoded: Result<Self, CoordinatorRecordError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(CoordinatorRecordError) in try Self(decoding: bytes) }
        }
        self = try decoded.get()
    }

    /// Reads a subscription.
    package init(decoding bytes: UnsafeRawBufferPointer) throws(CoordinatorRecordError) {
        var reader = SchemaReader(bytes, .consumerSubscription)
        let version: Int16 = try reader.integer()
        guard version >= 0 else { throw .unknownValueVersion(schema: .consumerSubscription, version: version) }
        topics = try reader.array { reader throws(CoordinatorRecordError) in try reader.string() }
        userData = try reader.nullableBytes()
        if version >= 1 { ownedPartitions = try reader.topicPartitions() }
        if version >= 2 { generation = try reader.integer() }
        if version >= 3 { rackId = try reader.nullableString() }
    }
}

/// What the leader of a consumer group assigns to a member: the `consumer` protocol's assignment.
///
/// All versions have the same fields. Source: `ConsumerProtocolAssignment` of Kafka's message schemas.
package struct ConsumerAssignment: Hashable, Sendable {
    /// The partitions that the member shall read.
    package var partitions: [TopicPartition]
    /// What the assignor wants to say; nil for nothing.
    package var userData: [UInt8]?

    /// Makes an assignment.
    package init(partitions: [TopicPartition], userData: [UInt8]? = nil) {
        self.partitions = partitions
        self.userData = userData
    }

    /// The bytes, in a version from 0 to 3.
    package func encoded(version: Int16 = 3) -> [UInt8] {
        precondition((0...3).contains(version), "assignments have versions 0 to 3")
        var writer = ByteWriter()
        writer.append(version)
        writer.append(topicPartitions: partitions)
        writer.append(classicNullableBytes: userData)
        return writer.array
    }

    /// Reads an assignment; no bytes at all are an empty one, which members get that the leader left out.
    package init(decoding bytes: [UInt8]) throws(CoordinatorRecordError) {
        let decoded: Result<Self, CoordinatorRecordError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(CoordinatorRecordError) in try Self(decoding: bytes) }
        }
        self = try decoded.get()
    }

    /// Reads an assignment; no bytes at all are an empty one, which members get that the leader left out.
    package init(decoding bytes: UnsafeRawBufferPointer) throws(CoordinatorRecordError) {
        if bytes.isEmpty {
            self.init(partitions: [])
            return
        }
        var reader = SchemaReader(bytes, .consumerAssignment)
        let version: Int16 = try reader.integer()
        guard version >= 0 else { throw .unknownValueVersion(schema: .consumerAssignment, version: version) }
        self.init(partitions: try reader.topicPartitions(), userData: try reader.nullableBytes())
    }
}

extension ByteWriter {
    /// Appends partitions by topic, both in ascending order.
    mutating func append(topicPartitions partitions: [TopicPartition]) {
        let topics = Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }
        append(Int32(topics.count))
        for (topic, partitions) in topics {
            append(classic: topic)
            append(Int32(partitions.count))
            for partition in partitions.map(\.partition).sorted() { append(partition) }
        }
    }
}
