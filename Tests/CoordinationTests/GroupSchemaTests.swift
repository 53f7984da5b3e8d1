import MillraceCoordination
import MillracePrimitives
import Testing

/// The expected bytes are written by hand from Kafka's schemas.
@Suite("Records of __consumer_offsets")
struct GroupSchemaTests {
    static let key = OffsetKey(groupId: "g", partition: second)

    @Test("An offset has key version 1 and value version 3")
    func offset() throws {
        let value = OffsetValue(offset: 42, leaderEpoch: 5, metadata: "m", commitMs: 1_000_000)
        let record = GroupRecord.offset(Self.key, value)
        #expect(hex(record.keyBytes) == hex(bytes("0001 0001 67 0006 6f7264657273 00000001")))
        let expected = bytes("0003 000000000000002a 00000005 0001 6d 00000000000f4240")
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("An offset with a topic id has value version 4")
    func offsetWithTopicId() throws {
        let topicId = Identifier128(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10)
        let value = OffsetValue(offset: 42, leaderEpoch: 5, metadata: "m", commitMs: 1_000_000, topicId: topicId)
        let record = GroupRecord.offset(Self.key, value)
        let expected = bytes(
            "0004 000000000000002a 00000005 02 6d 00000000000f4240 01 00 10 0102030405060708090a0b0c0d0e0f10"
        )
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("An offset with its own expiration has value version 1")
    func offsetWithExpiration() throws {
        let value = OffsetValue(offset: 42, metadata: "m", commitMs: 1_000_000, expireMs: 1_000_001)
        let record = GroupRecord.offset(Self.key, value)
        let expected = bytes("0001 000000000000002a 0001 6d 00000000000f4240 00000000000f4241")
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("Offsets of key version 0 and value versions 0 and 2 are read", arguments: ["0000", "0002"])
    func olderOffsets(version: String) throws {
        let record = try GroupRecord(
            key: bytes("0000 0001 67 0006 6f7264657273 00000001"),
            value: bytes(version + "000000000000002a 0001 6d 00000000000f4240")
        )
        #expect(record == .offset(Self.key, OffsetValue(offset: 42, metadata: "m", commitMs: 1_000_000)))
    }

    static let group = GroupMetadata(
        protocolType: "consumer",
        generation: 3,
        protocolName: "range",
        leader: "m-1",
        stateChangedMs: 1_000_000,
        members: [
            GroupMemberMetadata(
                memberId: "m-1",
                clientId: "c",
                clientHost: "/h",
                rebalanceTimeoutMs: 300_000,
                sessionTimeoutMs: 45_000,
                subscription: [1, 2],
                assignment: [3]
            )
        ]
    )

    @Test("A group has key version 2 and value version 3")
    func groupMetadata() throws {
        let record = GroupRecord.group("g", Self.group)
        #expect(hex(record.keyBytes) == hex(bytes("0002 0001 67")))
        let expected = bytes(
            """
            0003 0008 636f6e73756d6572 00000003 0005 72616e6765 0003 6d2d31 00000000000f4240
            00000001
            0003 6d2d31 ffff 0001 63 0002 2f68 000493e0 0000afc8 00000002 0102 00000001 03
            """
        )
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("A static member's instance id is kept")
    func instanceId() throws {
        var group = Self.group
        group.members[0].groupInstanceId = "i"
        let record = GroupRecord.group("g", group)
        #expect(try record.reread == record)
    }

    @Test("An empty group has neither protocol nor leader")
    func emptyGroup() throws {
        let record = GroupRecord.group("g", GroupMetadata(protocolType: "consumer", generation: 4, stateChangedMs: 9))
        let expected = bytes("0003 0008 636f6e73756d6572 00000004 ffff ffff 0000000000000009 00000000")
        #expect(hex(record.valueBytes ?? []) == hex(expected))
        #expect(try record.reread == record)
    }

    @Test("Groups of value versions 0 to 2 and 4 are read")
    func otherGroupVersions() throws {
        let head = "0008 636f6e73756d6572 00000003 0005 72616e6765 0003 6d2d31"
        let names = "0003 6d2d31 0001 63 0002 2f68"
        let tail = "00000002 0102 00000001 03"
        let values = [
            "0000" + head + "00000001" + names + "0000afc8" + tail,
            "0001" + head + "00000001" + names + "000493e0 0000afc8" + tail,
            "0002" + head + "00000000000f4240 00000001" + names + "000493e0 0000afc8" + tail,
            """
            0004 09 636f6e73756d6572 00000003 06 72616e6765 04 6d2d31 00000000000f4240
            02 04 6d2d31 00 02 63 03 2f68 000493e0 0000afc8 03 0102 02 03 00 00
            """,
        ]
        for (index, value) in values.enumerated() {
            var expected = Self.group
            if index < 2 { expected.stateChangedMs = -1 }
            if index == 0 { expected.members[0].rebalanceTimeoutMs = 45_000 }
            let record = try GroupRecord(key: bytes("0002 0001 67"), value: bytes(value))
            #expect(record == .group("g", expected), "value \(index)")
        }
    }

    @Test("A key of another coordinator's kind is reported as one to skip", arguments: [3, 8, 15, 17, -1])
    func unknownKinds(version: Int16) {
        var writer = ByteWriter()
        writer.append(version)
        writer.append(Int16(0))
        let key = writer.array
        let error = #expect(throws: CoordinatorRecordError.self) { try GroupRecord(key: key, value: [1, 2]) }
        #expect(error == .unknownKeyVersion(schema: .groupKey, version: version))
        #expect(error?.isUnknownKind == true)
    }

    @Test("A value of a newer version is an error")
    func newerValue() {
        let error = CoordinatorRecordError.unknownValueVersion(schema: .groupMetadataValue, version: 5)
        #expect(throws: error) { try GroupRecord(key: bytes("0002 0001 67"), value: bytes("0005")) }
        #expect(!error.isUnknownKind)
    }

    @Test("Subscriptions have Kafka's bytes in each version")
    func subscriptions() throws {
        let subscription = ConsumerSubscription(
            topics: ["orders"],
            userData: [9],
            ownedPartitions: [second, first],
            generation: 3,
            rackId: "r"
        )
        let base = "00000001 0006 6f7264657273 00000001 09"
        let owned = "00000001 0006 6f7264657273 00000002 00000000 00000001"
        let expected = [
            "0000" + base,
            "0001" + base + owned,
            "0002" + base + owned + "00000003",
            "0003" + base + owned + "00000003 0001 72",
        ]
        for (version, text) in expected.enumerated() {
            #expect(hex(subscription.encoded(version: Int16(version))) == hex(bytes(text)), "version \(version)")
            let decoded = try ConsumerSubscription(decoding: bytes(text))
            #expect(decoded.topics == ["orders"])
            #expect(decoded.userData == [9])
            #expect(decoded.ownedPartitions == (version >= 1 ? [first, second] : []))
            #expect(decoded.generation == (version >= 2 ? 3 : -1))
            #expect(decoded.rackId == (version >= 3 ? "r" : nil))
        }
    }

    @Test("A subscription of a newer version is read as far as it is known")
    func newerSubscription() throws {
        let text = "0009 00000001 0006 6f7264657273 ffffffff 00000000 00000003 ffff abcdef"
        #expect(
            try ConsumerSubscription(decoding: bytes(text)) == ConsumerSubscription(topics: ["orders"], generation: 3)
        )
    }

    @Test("Assignments have Kafka's bytes, and no bytes are an empty one")
    func assignments() throws {
        let assignment = ConsumerAssignment(partitions: [first, second])
        let expected = bytes("0003 00000001 0006 6f7264657273 00000002 00000000 00000001 ffffffff")
        #expect(hex(assignment.encoded()) == hex(expected))
        #expect(try ConsumerAssignment(decoding: expected) == assignment)
        #expect(try ConsumerAssignment(decoding: []) == ConsumerAssignment(partitions: []))
    }
}
