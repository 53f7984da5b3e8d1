import MillraceEmbeddedClient
import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@Suite("Producers on the embedded broker", .timeLimit(.minutes(2)))
struct ProducerTests {
    @Test("a durable send has synchronized the log before it returns; a written one has not, and tells the offset")
    func acknowledgements() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let durable = try await world.producer()
        world.disk.resetUsage()
        let receipt = try await durable.send(record("a"))
        #expect(receipt.offset == 0)
        #expect(world.disk.usage(of: world.log("t")).synchronizations == 1)
        #expect(world.disk.durableBytes(of: world.log("t")) == world.disk.bytes(of: world.log("t")))

        for acknowledgement in [Acknowledgement.written, .none] {
            let producer = try await world.producer {
                $0.acknowledgement = acknowledgement
                $0.isIdempotent = false
            }
            world.disk.resetUsage()
            let receipt = try await producer.send(record("b"))
            #expect(receipt.offset == (acknowledgement == .written ? 1 : -1))
            #expect(world.disk.usage(of: world.log("t")).synchronizations == 0)
            await producer.close()
        }
        await durable.close()
        #expect(try await world.values("t") == ["a", "b", "b"])
    }

    @Test("idempotence and transactions need durable acknowledgement")
    func settings() async throws {
        let world = try ClientWorld()
        #expect(
            await failure { () throws(ClientError) in
                try await world.producer { $0.acknowledgement = .written }
            }?.code == .invalidArgument
        )
        #expect(
            await failure { () throws(ClientError) in
                try await world.producer { $0.transactionalId = "x" }
            }?.code == .invalidArgument
        )
        #expect(
            await failure { () throws(ClientError) in
                try await world.producer { $0.batchSize = 0 }
            }?.code == .invalidArgument
        )
    }

    @Test("a producer that its partition knows less of than was acknowledged goes on with the next epoch")
    func epochBump() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let id = TopicPartition("t", 0)
        let producer = try await world.producer()
        for value in ["a", "b", "c"] { try await producer.send(record(value)) }
        let log = try world.broker.partition(id).log
        try log.truncate(to: 1)
        #expect(try await producer.send(record("d")).offset == 1)
        #expect(try await producer.send(record("e")).offset == 2)
        let known = try #require(log.describeProducers().first)
        #expect(known.producer.epoch == 1 && known.lastSequence == 1)
        await producer.close()
        #expect(try await world.values("t") == ["a", "d", "e"])
    }

    @Test("an administrator sees a partition's producers, and where their transactions are open")
    func describeProducers() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let id = TopicPartition("t", 0)
        let producer = try await world.producer()
        for value in ["a", "b"] { try await producer.send(record(value)) }
        let owner = try world.broker.transactions.initProducerId("owner", timeout: .seconds(60))
        try world.broker.transactions.addPartitions([id], to: "owner", producer: owner)
        let builder = RecordBatchBuilder()
        builder.append(key: nil, value: nil, timestamp: 5)
        _ = try world.broker.partition(id).append(
            try builder.seal(producer: owner, baseSequence: 0, isTransactional: true),
            origin: .client
        )
        let admin = try world.broker.connectAdmin()
        func found(_ identity: Int64) throws -> PartitionProducer? {
            try admin.describeProducers(of: id).first { $0.producer.id == identity }
        }
        #expect(try admin.describeProducers(of: id).count == 2)
        #expect(try found(owner.id)?.transactionStartOffset == 2)
        #expect(try found(owner.id)?.coordinatorEpoch == nil)
        let plain = try #require(try admin.describeProducers(of: id).first { $0.producer.id != owner.id })
        #expect(plain.lastSequence == 1 && plain.transactionStartOffset == nil)
        _ = try world.broker.transactions.end("owner", producer: owner, .commit)
        #expect(try found(owner.id)?.transactionStartOffset == nil)
        #expect(try found(owner.id)?.coordinatorEpoch == 0)
        #expect(try found(owner.id)?.producer.epoch == owner.epoch + 1)
        await producer.close()
    }

    @Test("a batch that is sent again is acknowledged with its first offset and stored once; a gap is refused")
    func idempotence() throws {
        let world = try ClientWorld(NewTopic("t"))
        let id = TopicPartition("t", 0)
        let identity = try world.broker.transactions.newProducerId()
        func send(_ sequence: Int32) throws(BrokerError) -> AppendResult {
            let builder = RecordBatchBuilder()
            builder.append(key: nil, value: nil, timestamp: 1)
            do {
                let bytes = try builder.seal(producer: identity, baseSequence: sequence)
                return try world.broker.partition(id).append(bytes, origin: .client)
            } catch let error as BrokerError {
                throw error
            } catch {
                throw BrokerError(.unknownServerError, "\(error)")
            }
        }
        #expect(try send(0).baseOffset == 0)
        #expect(try send(1).baseOffset == 1)
        for sequence: Int32 in [1, 0, 1] {
            let again = try send(sequence)
            #expect(again.baseOffset == Int64(sequence))
            #expect(again.isDuplicate)
        }
        do {
            _ = try send(3)
            Issue.record("a gap was accepted")
        } catch {
            #expect(error.code == .outOfOrderSequenceNumber)
        }
        #expect(try world.broker.partition(id).log.logEndOffset == 2)
    }

    @Test("records with a key go where Kafka's default partitioner puts them, and stay together")
    func partitioner() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 10))
        let producer = try await world.producer()
        for key in ["21", "foobar", "a-little-bit-long-string", "k"] {
            let hash = Array(key.utf8).withUnsafeBytes { Hashes.partition(forKey: $0, of: 10) }
            for _ in 0..<2 {
                let receipt = try await producer.send(record("x", key: key))
                #expect(receipt.partition == TopicPartition("t", hash))
            }
        }
        await producer.close()
    }

    @Test("records without a key stay on one partition for a batch, then go on to the next")
    func sticky() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 3))
        let producer = try await world.producer { $0.linger = .seconds(60) }
        var partitions: [Int64] = []
        for _ in 0..<3 {
            for _ in 0..<10 { try await producer.enqueue(record("x")) }
            try await producer.flush()
            partitions = try (0..<3).map { try world.broker.partition(TopicPartition("t", Int32($0))).log.logEndOffset }
        }
        #expect(partitions == [10, 10, 10])
        await producer.close()
    }

    @Test("a batch lingers until it is full or its time has come")
    func linger() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.producer {
            $0.linger = .seconds(3600)
            $0.batchSize = 1_000
        }
        for number in 0..<40 { try await producer.enqueue(record("\(number) " + String(repeating: "x", count: 100))) }
        // What is full went out without a flush.
        let consumer = try await world.consumer(TopicPartition("t", 0))
        for try await _ in consumer.batches { break }
        await consumer.close()
        try await producer.flush()
        #expect(try world.broker.partition(TopicPartition("t", 0)).log.logEndOffset == 40)
        let writes = world.disk.usage(of: world.log("t")).writes
        #expect((4...6).contains(writes), "40 records of 100 bytes in batches of 1000 took \(writes) writes")
        await producer.close()
    }

    @Test("senders wait while the buffer is full and go on when it is sent, even if batches could linger")
    func backPressure() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 4))
        let producer = try await world.producer {
            $0.linger = .seconds(3600)
            $0.batchSize = 2_000
            $0.bufferMemory = 2_000
        }
        for number in 0..<100 {
            let text = String(repeating: "x", count: 300)
            try await producer.enqueue(record(text, partition: Int32(number % 4)))
        }
        try await producer.flush()
        let total = try (0..<4).map { try world.broker.partition(TopicPartition("t", Int32($0))).log.logEndOffset }
        #expect(total == [25, 25, 25, 25])
        await producer.close()
    }

    @Test("a failure of what nobody waited for shows in the next flush, once; a failure that was told does not")
    func fireAndForget() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.producer()
        try await producer.send(record("a"))
        let path = world.log("t")
        let fault = world.disk.fail(with: .noSpace, on: .write, times: nil) { $0 == path }
        #expect(await failure { () throws(ClientError) in try await producer.send(record("b")) }?.code == .storage)
        try await producer.flush()
        try await producer.enqueue(record("c"))
        #expect(await failure { () throws(ClientError) in try await producer.flush() }?.code == .storage)
        try await producer.flush()
        world.disk.lift(fault)
        #expect(try await producer.send(record("d")).offset == 1)
        #expect(try await world.values("t") == ["a", "d"])
        await producer.close()
    }

    @Test("a synchronization that fails is told to those whose records it was, not to others")
    func flushFailure() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 2))
        let producer = try await world.producer { $0.linger = .seconds(3600) }
        try await producer.send(record("warm up", partition: 0), flushing: producer)
        let path = world.log("t", 1)
        world.disk.fail(with: .inputOutput(5), on: .synchronize) { $0 == path }
        async let good = failure { () throws(ClientError) in try await producer.send(record("a", partition: 0)) }
        async let bad = failure { () throws(ClientError) in try await producer.send(record("b", partition: 1)) }
        await producer.close()
        let (goodFailure, badFailure) = await (good, bad)
        // Either may have come after the close; then it was refused.
        #expect(goodFailure == nil || goodFailure?.code == .closed)
        #expect(badFailure?.code == .storage || badFailure?.code == .closed)
    }

    @Test("a record over a limit and an unknown topic or partition are typed errors")
    func refused() async throws {
        let world = try ClientWorld(NewTopic("t", configuration: ["max.message.bytes": "1000"]))
        let producer = try await world.producer { $0.maximumRequestSize = 5_000 }
        #expect(
            await failure { () throws(ClientError) in
                try await producer.send(record(String(repeating: "x", count: 5_001)))
            }?.code == .recordTooLarge
        )
        #expect(
            await failure { () throws(ClientError) in
                try await producer.send(record(String(repeating: "x", count: 2_000)))
            }?.code == .recordTooLarge
        )
        #expect(
            await failure { () throws(ClientError) in
                try await producer.send(record("x", to: "other"))
            }?.code == .unknownTopicOrPartition
        )
        for partition: Int32 in [-1, 1] {
            #expect(
                await failure { () throws(ClientError) in
                    try await producer.send(record("x", partition: partition))
                }?.code == .unknownTopicOrPartition
            )
        }
        #expect(try await producer.send(record("fine")).offset == 0)
        await producer.close()
    }

    @Test("a producer finds partitions that were added, and topics that were deleted and made anew")
    func changingTopics() async throws {
        let world = try ClientWorld(NewTopic("t", partitions: 2))
        let producer = try await world.producer()
        try await producer.send(record("a", partition: 1))
        try world.broker.createPartitions(of: "t", total: 3)
        #expect(try await producer.send(record("b", partition: 2)).offset == 0)
        try world.broker.deleteTopic("t")
        #expect(
            await failure { () throws(ClientError) in
                try await producer.send(record("c", partition: 1))
            }?.code == .unknownTopicOrPartition
        )
        try world.broker.createTopic("t", partitions: 1, configuration: [:])
        #expect(try await producer.send(record("d", key: "k")).offset == 0)
        #expect(try await world.values("t") == ["d"])
        await producer.close()
    }

    @Test("compressed batches are stored compressed and read as they were", arguments: [IsolationLevel.readCommitted])
    func compression(isolation: IsolationLevel) async throws {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.producer {
            $0.compression = .gzip()
            $0.linger = .seconds(60)
        }
        let values = (0..<50).map { "\($0) " + String(repeating: "again and ", count: 20) }
        for value in values { try await producer.enqueue(record(value)) }
        try await producer.flush()
        #expect(try await world.values("t") == values)
        let stored = try world.broker.partition(TopicPartition("t", 0)).log.sizeInBytes
        #expect(stored < 2_000, "\(values.joined().utf8.count) bytes of text took \(stored)")
        await producer.close()
    }

    @Test("a closed producer, and one whose broker was closed, refuse with a typed error and answer everybody")
    func closed() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let closed = try await world.producer()
        try await closed.send(record("a"))
        await closed.close()
        await closed.close()
        #expect(await failure { () throws(ClientError) in try await closed.send(record("b")) }?.code == .closed)
        #expect(await failure { () throws(ClientError) in try await closed.enqueue(record("b")) }?.code == .closed)
        #expect(await failure { () throws(ClientError) in try await closed.flush() }?.code == .closed)
        let orphan = try await world.producer()
        try await orphan.send(record("b"))
        world.broker.close()
        #expect(await failure { () throws(ClientError) in try await orphan.send(record("c")) }?.code == .closed)
        await orphan.close()
        #expect(
            await failure { () throws(ClientError) in
                try await orphan.send(record("c"))
            }?.code == .closed
        )
    }

    @Test("closing while many send answers each with an offset or a refusal, and stores what was acknowledged")
    func closeWhileSending() async throws {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.producer { $0.bufferMemory = 70_000 }
        let sent = await withTaskGroup(of: String?.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let refusal = await failure { () throws(ClientError) in try await producer.send(record("\(number)"))
                    }
                    return refusal == nil ? "\(number)" : nil
                }
            }
            group.addTask {
                await producer.close()
                return nil
            }
            return await group.reduce(into: Set<String>()) { sent, value in if let value { sent.insert(value) } }
        }
        #expect(Set(try await world.values("t")) == sent)
    }

    @Test("what a dropped producer had taken over is sent all the same, and its broker is not kept alive")
    func dropped() async throws {
        let world = try ClientWorld(NewTopic("t"))
        do {
            let producer = try await world.producer { $0.linger = .seconds(3600) }
            try await producer.enqueue(record("a"))
        }
        let consumer = try await world.consumer(TopicPartition("t", 0))
        for try await batch in consumer.batches {
            #expect(try batch.records().map(\.valueText) == ["a"])
            break
        }
        await consumer.close()
    }
}

extension Producer {
    /// Sends without waiting for the linger time.
    fileprivate func send(_ record: ProducerRecord, flushing producer: Producer) async throws(ClientError) {
        try await enqueue(record)
        try await flush()
    }
}
