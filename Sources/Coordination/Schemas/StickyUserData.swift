import MillracePrimitives

/// What a member says for the assignor `sticky`: the partitions that it had, and since when.
///
/// Version 0 has no generation; it is told from version 1 by its end, as Kafka does it, since neither has a version
/// number. Source: `StickyAssignor` of Kafka's clients; KIP-341.
package struct StickyUserData: Hashable, Sendable {
    /// The partitions that the member had.
    package var previous: [TopicPartition]
    /// The generation in which it got them; -1 if not known.
    package var generation: Int32

    /// Makes user data.
    package init(previous: [TopicPartition], generation: Int32) {
        self.previous = previous
        self.generation = generation
    }

    /// The bytes, in version 1.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(topicPartitions: previous)
        writer.append(generation)
        return writer.array
    }

    /// Reads user data of version 0 or 1.
    package init(decoding bytes: [UInt8]) throws(CoordinatorRecordError) {
        let decoded: Result<Self, CoordinatorRecordError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(CoordinatorRecordError) in
                var reader = SchemaReader(bytes, .stickyUserData)
                let previous = try reader.topicPartitions()
                return Self(previous: previous, generation: reader.isAtEnd ? -1 : try reader.integer())
            }
        }
        self = try decoded.get()
    }
}

/// What a member says for the assignor `cooperative-sticky`: the generation of the partitions that it has, for leaders
/// that read no newer subscription than version 1.
///
/// Source: `CooperativeStickyAssignor` of Kafka's clients.
package struct CooperativeStickyUserData: Hashable, Sendable {
    /// The generation; -1 for none.
    package var generation: Int32

    /// Makes user data.
    package init(generation: Int32) {
        self.generation = generation
    }

    /// The bytes.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.append(generation)
        return writer.array
    }

    /// Reads user data.
    package init(decoding bytes: [UInt8]) throws(CoordinatorRecordError) {
        let decoded: Result<Self, CoordinatorRecordError> = bytes.withUnsafeBytes { bytes in
            Result { () throws(CoordinatorRecordError) in
                var reader = SchemaReader(bytes, .cooperativeStickyUserData)
                return Self(generation: try reader.integer())
            }
        }
        self = try decoded.get()
    }
}
