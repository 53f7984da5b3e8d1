import MillracePrimitives

// Records of `__consumer_offsets`: keys 0 and 1 (offset commits) and 2 (classic groups); the first field of a key is its
// version, which says the kind. Source: `OffsetCommitKey`, `OffsetCommitValue`, `GroupMetadataKey` and
// `GroupMetadataValue` of Kafka's coordinator schemas.

extension GroupRecord {
    /// Appends the key: version 1 for an offset, 2 for a group.
    package func encodeKey(into writer: inout ByteWriter) {
        switch self {
        case .offset(let key, _):
            writer.append(Int16(1))
            writer.append(classic: key.groupId)
            writer.append(classic: key.partition.topic)
            writer.append(key.partition.partition)
        case .group(let groupId, _):
            writer.append(Int16(2))
            writer.append(classic: groupId)
        }
    }

    /// Appends the value; false for a tombstone, whose value is null.
    package func encodeValue(into writer: inout ByteWriter) -> Bool {
        switch self {
        case .offset(_, let value?): value.encode(into: &writer)
        case .group(_, let value?): value.encode(into: &writer)
        case .offset(_, nil), .group(_, nil): return false
        }
        return true
    }

    /// Reads a record; a value of nil is a tombstone. Keys of other kinds (KIP-848, KIP-932, KIP-1071) are reported as
    /// `unknownKeyVersion`, to be skipped.
    package init(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?
    ) throws(CoordinatorRecordError) {
        var reader = SchemaReader(key, .groupKey)
        let version: Int16 = try reader.integer()
        switch version {
        case 0, 1:
            let groupId = try reader.string()
            let partition = TopicPartition(try reader.string(), try reader.integer())
            var decoded: OffsetValue?
            if let value { decoded = try OffsetValue(decoding: value) }
            self = .offset(OffsetKey(groupId: groupId, partition: partition), decoded)
        case 2:
            let groupId = try reader.string()
            var decoded: GroupMetadata?
            if let value { decoded = try GroupMetadata(decoding: value) }
            self = .group(groupId, decoded)
        default:
            throw .unknownKeyVersion(schema: .groupKey, version: version)
        }
    }
}

extension OffsetValue {
    /// Version 3, but 1 with an explicit expiration, which no later version has, and 4 with a topic id.
    func encode(into writer: inout ByteWriter) {
        if expireMs >= 0 {
            writer.append(Int16(1))
            writer.append(offset)
            writer.append(classic: metadata)
            writer.append(commitMs)
            writer.append(expireMs)
            return
        }
        writer.append(Int16(topicId == nil ? 3 : 4))
        writer.append(offset)
        writer.append(leaderEpoch)
        if let topicId {
            writer.append(compact: metadata)
            writer.append(commitMs)
            writer.append(unsignedVarint: 1)
            writer.append(unsignedVarint: 0)
            writer.append(unsignedVarint: 16)
            writer.append(topicId.high)
            writer.append(topicId.low)
        } else {
            writer.append(classic: metadata)
            writer.append(commitMs)
        }
    }

    init(decoding bytes: UnsafeRawBufferPointer) throws(CoordinatorRecordError) {
        var reader = SchemaReader(bytes, .offsetCommitValue)
        let version: Int16 = try reader.integer()
        guard (0...4).contains(version) else {
            throw .unknownValueVersion(schema: .offsetCommitValue, version: version)
        }
        reader.isFlexible = version >= 4
        self.init(offset: try reader.integer(), commitMs: -1)
        if version >= 3 { leaderEpoch = try reader.integer() }
        metadata = try reader.string()
        commitMs = try reader.integer()
        if version == 1 { expireMs = try reader.integer() }
        var topicId: Identifier128?
        try reader.taggedFields { tag, field throws(CoordinatorRecordError) in
            guard tag == 0 else { return }
            topicId = Identifier128(high: try field.integer(), low: try field.integer())
        }
        self.topicId = topicId
    }
}

extension GroupMetadata {
    /// Version 3.
    func encode(into writer: inout ByteWriter) {
        writer.append(Int16(3))
        writer.append(classic: protocolType)
        writer.append(generation)
        writer.append(classicNullable: protocolName)
        writer.append(classicNullable: leader)
        writer.append(stateChangedMs)
        writer.append(Int32(members.count))
        for member in members {
            writer.append(classic: member.memberId)
            writer.append(classicNullable: member.groupInstanceId)
            writer.append(classic: member.clientId)
            writer.append(classic: member.clientHost)
            writer.append(member.rebalanceTimeoutMs)
            writer.append(member.sessionTimeoutMs)
            writer.append(classicBytes: member.subscription)
            writer.append(classicBytes: member.assignment)
        }
    }

    init(decoding bytes: UnsafeRawBufferPointer) throws(CoordinatorRecordError) {
        var reader = SchemaReader(bytes, .groupMetadataValue)
        let version: Int16 = try reader.integer()
        guard (0...4).contains(version) else {
            throw .unknownValueVersion(schema: .groupMetadataValue, version: version)
        }
        reader.isFlexible = version >= 4
        self.init(
            protocolType: try reader.string(),
            generation: try reader.integer(),
            protocolName: try reader.nullableString(),
            leader: try reader.nullableString(),
            stateChangedMs: version >= 2 ? try reader.integer() : -1
        )
        members = try reader.array { reader throws(CoordinatorRecordError) in
            try GroupMemberMetadata(from: &reader, version: version)
        }
        try reader.taggedFields()
    }
}

extension GroupMemberMetadata {
    fileprivate init(from reader: inout SchemaReader, version: Int16) throws(CoordinatorRecordError) {
        let memberId = try reader.string()
        let groupInstanceId = version >= 3 ? try reader.nullableString() : nil
        let clientId = try reader.string()
        let clientHost = try reader.string()
        let rebalanceTimeoutMs: Int32? = version >= 1 ? try reader.integer() : nil
        let sessionTimeoutMs: Int32 = try reader.integer()
        self.init(
            memberId: memberId,
            groupInstanceId: groupInstanceId,
            clientId: clientId,
            clientHost: clientHost,
            // Before KIP-62 the session's timeout served for both.
            rebalanceTimeoutMs: rebalanceTimeoutMs ?? sessionTimeoutMs,
            sessionTimeoutMs: sessionTimeoutMs,
            subscription: try reader.bytes(),
            assignment: try reader.bytes()
        )
        try reader.taggedFields()
    }
}
