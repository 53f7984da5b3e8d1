import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage
import Testing

@Suite("Consumers on the embedded broker", .timeLimit(.minutes(2)))
struct ConsumerTests {
    let first = TopicPartition("t", 0)

    /// A world with records at offsets 0 to 4 of one partition, a second apart.
    private func makeWorld() async throws -> ClientWorld {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.producer()
        for number in 0..<5 {
            try await producer.send(
                ProducerRecord(topic: "t", key: nil, value: "\(number)", timestamp: 1_000 * Int64(number + 1))
            )
        }
        await producer.close()
        return world
    }

    private func next(_ consumer: Consumer) async throws -> [String] {
        try await consumer.poll(timeout: .zero).flatMap { try $0.records().map { $0.valueText ?? "null" } }
    }

    @Test("positions can be sought by offset, by time, to the beginning and to the end")
    func seek() async throws {
        let world = try await makeWorld()
        let consumer = try await world.consumer(first)
        #expect(try await next(consumer) == ["0", "1", "2", "3", "4"])
        #expect(try await consumer.lag() == [first: 0])
        try await consumer.seek(first, to: 3)
        #expect(try await consumer.lag() == [first: 2])
        #expect(try await next(consumer) == ["3", "4"])
        for (timestamp, values) in [
            (Int64(0), ["0", "1", "2", "3", "4"]), (3_000, ["2", "3", "4"]), (3_001, ["3", "4"]), (9_999, []),
        ] {
            try await consumer.seek(first, toTimestamp: timestamp)
            #expect(try await next(consumer) == values, "from time \(timestamp)")
        }
        try await consumer.seekToBeginning([first])
        #expect(try await next(consumer).count == 5)
        try await consumer.seekToBeginning([first])
        try await consumer.seekToEnd([first])
        #expect(try await next(consumer) == [])
        #expect(
            await failure { () throws(ClientError) in
                try await consumer.seek(TopicPartition("other", 0), to: 0)
            }?.code == .invalidArgument
        )
        #expect(
            await failure { () throws(ClientError) in
                try await consumer.seek(first, to: -1)
            }?.code == .invalidArgument
        )
        await consumer.close()
    }

    @Test("a paused partition is left out until it is resumed")
    func pause() async throws {
        let world = try await makeWorld()
        let consumer = try await world.consumer(first)
        try await consumer.pause([first])
        #expect(try await next(consumer) == [])
        try await consumer.resume([first])
        #expect(try await next(consumer).count == 5)
        await consumer.close()
    }

    @Test(
        "without an offset the policy says where to begin",
        arguments: [OffsetReset.earliest, .latest, .none, .duration(.seconds(2))]
    )
    func reset(policy: OffsetReset) async throws {
        let world = try await makeWorld()
        // Two seconds after the record at offset 3.
        world.time.setWallClock(milliseconds: 6_000)
        let consumer = try await world.consumer(first) { $0.offsetReset = policy }
        switch policy {
        case .earliest: #expect(try await next(consumer).count == 5)
        case .latest:
            #expect(try await next(consumer) == [])
            let producer = try await world.producer()
            try await producer.send(record("new"))
            #expect(try await next(consumer) == ["new"])
            await producer.close()
        case .none:
            #expect(
                await failure { () throws(ClientError) in
                    try await consumer.poll(timeout: .zero)
                }?.code == .noOffset
            )
            try await consumer.seek(first, to: 4)
            #expect(try await next(consumer) == ["4"])
        case .duration: #expect(try await next(consumer) == ["3", "4"])
        }
        await consumer.close()
    }

    @Test("an offset that was deleted or never was is reset, or an error", arguments: [OffsetReset.earliest, .none])
    func outOfRange(policy: OffsetReset) async throws {
        let world = try await makeWorld()
        try world.broker.deleteRecords(first, before: 2)
        let consumer = try await world.consumer(first) { $0.offsetReset = policy }
        for offset: Int64 in [0, 99] {
            try await consumer.seek(first, to: offset)
            switch policy {
            case .none:
                let error = await failure { () throws(ClientError) in try await consumer.poll(timeout: .zero) }
                #expect(error?.code == .offsetOutOfRange)
            case .earliest, .latest, .duration:
                _ = try await next(consumer)
                #expect(try await consumer.poll(timeout: .zero).isEmpty || policy == .earliest)
                try await consumer.seekToBeginning([first])
                #expect(try await next(consumer) == ["2", "3", "4"])
            }
        }
        await consumer.close()
    }

    @Test("committed offsets are where the next consumer of the group begins")
    func commit() async throws {
        let world = try await makeWorld()
        let consumer = try await world.consumer(first) { $0.groupId = "g" }
        #expect(try await consumer.committed([first]) == [:])
        _ = try await next(consumer)
        try await consumer.commit([first: CommittedOffset(offset: 3, metadata: "half way")])
        #expect(try await consumer.committed([first])[first] == CommittedOffset(offset: 3, metadata: "half way"))
        await consumer.close()
        let second = try await world.consumer(first) { $0.groupId = "g" }
        #expect(try await next(second) == ["3", "4"])
        try await second.commit()
        #expect(try await second.committed([first])[first]?.offset == 5)
        await second.close()
        let stranger = try await world.consumer(first)
        #expect(await failure { () throws(ClientError) in try await stranger.commit() }?.code == .invalidArgument)
        await stranger.close()
    }

    @Test("automatic commits cover what earlier polls returned, at intervals and on close")
    func autoCommit() async throws {
        let world = try await makeWorld()
        let consumer = try await world.consumer(first) {
            $0.groupId = "g"
            $0.autoCommitInterval = .seconds(5)
            $0.maximumPartitionBytes = 1
        }
        #expect(try await next(consumer) == ["0"])
        #expect(world.broker.groups.committedOffsets(of: "g").isEmpty)
        world.time.advance(by: .seconds(5))
        #expect(try await next(consumer) == ["1"])
        #expect(world.broker.groups.committedOffsets(of: "g")[first]?.offset == 1, "not what this poll returns")
        _ = try await next(consumer)
        #expect(world.broker.groups.committedOffsets(of: "g")[first]?.offset == 1)
        await consumer.close()
        #expect(world.broker.groups.committedOffsets(of: "g")[first]?.offset == 3)
    }

    @Test("a committed position is never durable before the records that it has passed")
    func durableOrder() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.producer {
            $0.acknowledgement = .written
            $0.isIdempotent = false
        }
        try await producer.send(record("a"))
        let consumer = try await world.consumer(first) { $0.groupId = "g" }
        #expect(try await next(consumer) == ["a"])
        try await consumer.commit()
        #expect(world.disk.durableBytes(of: world.log("t")) == world.disk.bytes(of: world.log("t")))
        let reopened = try ClientWorld(disk: world.disk.crash(.loseAllUnsynced))
        #expect(try await reopened.values("t") == ["a"])
        #expect(reopened.broker.groups.committedOffsets(of: "g")[first]?.offset == 1)
        await consumer.close()
        await producer.close()
    }

    @Test(
        "the sequence of batches ends when its task is cancelled, and when the consumer or the broker is closed",
        arguments: 0..<3
    )
    func ending(way: Int) async throws {
        let world = try await makeWorld()
        let consumer = try await world.consumer(first)
        let (reached, signal) = AsyncStream<Void>.makeStream()
        let reader = Task {
            var count = 0
            for try await batch in consumer.batches {
                count += try batch.records().count
                if count == 5 { signal.finish() }
            }
            return count
        }
        for await _ in reached {}
        switch way {
        case 0: reader.cancel()
        case 1: await consumer.close()
        default: world.broker.close()
        }
        #expect(try await reader.value == 5)
        await consumer.close()
        #expect(await failure { () throws(ClientError) in try await consumer.poll() }?.code == .closed)
    }

    @Test("a long poll wakes up when records come")
    func longPoll() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let consumer = try await world.consumer(first)
        let (polling, signal) = AsyncStream<Void>.makeStream()
        let reader = Task {
            signal.finish()
            // The clock stands still, so that nothing but a record ends this.
            return try await consumer.poll(timeout: .seconds(3600)).flatMap { try $0.records().map(\.valueText) }
        }
        for await _ in polling {}
        let producer = try await world.producer()
        try await producer.send(record("a"))
        #expect(try await reader.value == ["a"])
        await producer.close()
        await consumer.close()
    }

    @Test("a poll delivers no batch without records, such as markers and what was aborted")
    func noEmptyBatches() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.transactional("tx")
        try await producer.begin()
        try await producer.send(record("a"))
        try await producer.abort()
        let consumer = try await world.consumer(first)
        #expect(try await consumer.poll(timeout: .zero).isEmpty)
        #expect(try await consumer.lag() == [first: 0])
        await consumer.close()
        await producer.close()
    }

    @Test("a damaged partition is an error each time; what others delivered before is not lost")
    func damaged() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 3))
        let producer = try await world.producer()
        for partition: Int32 in [0, 1, 2] { try await producer.send(record("\(partition)", partition: partition)) }
        try world.disk.flipBit(0, ofByteAt: 66, in: world.log("t", 1))
        let consumer = try await world.consumer(first, TopicPartition("t", 1), TopicPartition("t", 2))
        var values: [String] = []
        var errors: [ClientError] = []
        for _ in 0..<6 {
            do {
                values += try await next(consumer)
            } catch let error as ClientError {
                errors.append(error)
            }
        }
        #expect(values.sorted() == ["0", "2"])
        #expect(!errors.isEmpty)
        for error in errors {
            #expect(error.code == .corruptRecord)
            #expect(error.message.contains(world.log("t", 1).string), "\(error)")
        }
        await consumer.close()
        await producer.close()
    }

    @Test("a consumer of a topic that is deleted hears of it, and goes on when it is made anew")
    func deletedTopic() async throws {
        let world = try await makeWorld()
        let consumer = try await world.consumer(first)
        #expect(try await next(consumer).count == 5)
        try world.broker.deleteTopic("t")
        let error = await failure { () throws(ClientError) in try await consumer.poll(timeout: .zero) }
        #expect(error?.code == .unknownTopicOrPartition)
        try world.broker.createTopic("t", partitions: 1, configuration: [:])
        let producer = try await world.producer()
        try await producer.send(record("new"))
        #expect(try await next(consumer) == ["new"])
        await consumer.close()
        await producer.close()
    }

    @Test("calls after close are typed errors, and closing twice is fine")
    func closed() async throws {
        let world = try await makeWorld()
        let consumer = try await world.consumer(first)
        let admin = try Admin(on: world.broker)
        await consumer.close()
        await consumer.close()
        #expect(await failure { () throws(ClientError) in try await consumer.poll() }?.code == .closed)
        #expect(await failure { () throws(ClientError) in try await consumer.commit() }?.code == .closed)
        #expect(await failure { () throws(ClientError) in try await consumer.subscribe(to: ["t"]) }?.code == .closed)
        world.broker.close()
        let orphan = try await world.consumer()
        #expect(await failure { () throws(ClientError) in try await orphan.poll() }?.code == .closed)
        #expect(await failure { () throws(ClientError) in try await admin.topicNames() }?.code == .closed)
        #expect(
            await failure { () throws(ClientError) in
                try await admin.createTopic(NewTopic("x"))
            }?.code == .closed
        )
        await orphan.close()
    }
}
