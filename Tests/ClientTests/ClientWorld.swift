import MillraceEmbeddedClient
import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

/// A broker on a disk in memory with a clock that a test moves, and clients on it.
struct ClientWorld {
    let disk: SimulatedFileSystem
    let time: ManualTime
    let broker: EmbeddedBroker

    init(
        _ topics: NewTopic...,
        disk: SimulatedFileSystem = SimulatedFileSystem(seed: 5),
        time: ManualTime = ManualTime(),
        configuration: BrokerConfiguration = BrokerConfiguration()
    ) throws {
        self.disk = disk
        self.time = time
        try disk.createDirectory("/data")
        try disk.synchronizeDirectory("/")
        broker = try EmbeddedBroker(
            directory: "/data",
            configuration: configuration,
            fileSystem: disk,
            time: time,
            random: SeededRandom(seed: 23),
            keepsHouse: false
        )
        for topic in topics {
            try broker.createTopic(topic.name, partitions: topic.partitions, configuration: topic.configuration)
        }
    }

    func log(_ topic: String, _ partition: Int32 = 0) -> FilePath {
        FilePath("/data/\(topic)-\(partition)/00000000000000000000.log")
    }

    /// A producer whose batches go out at once.
    func producer(_ change: (inout ProducerSettings) -> Void = { _ in }) async throws(ClientError) -> Producer {
        var settings = ProducerSettings()
        settings.linger = .zero
        change(&settings)
        return try await Producer(on: broker, settings: settings)
    }

    func transactional(_ id: String, timeout: Duration = .seconds(60)) async throws(ClientError)
        -> TransactionalProducer
    {
        var settings = ProducerSettings()
        settings.linger = .zero
        settings.transactionTimeout = timeout
        return try await TransactionalProducer(id: id, on: broker, settings: settings)
    }

    func consumer(
        _ partitions: TopicPartition...,
        change: (inout ConsumerSettings) -> Void = { _ in }
    ) async throws(ClientError) -> Consumer {
        var settings = ConsumerSettings()
        settings.autoCommitInterval = nil
        change(&settings)
        let consumer = try await Consumer(on: broker, settings: settings)
        if !partitions.isEmpty { try await consumer.assign(partitions) }
        return consumer
    }

    /// A member of a group, advanced by hand.
    func member(
        _ group: String,
        _ topic: String = "t",
        listener: (any RebalanceListener)? = nil,
        change: (inout ConsumerSettings) -> Void = { _ in }
    ) throws(ClientError) -> any ConsumerConnection {
        var settings = ConsumerSettings()
        settings.groupId = group
        settings.autoCommitInterval = nil
        change(&settings)
        let connection = try broker.connectConsumer(settings)
        try connection.subscribe(to: [topic], listener: listener)
        return connection
    }

    /// Lets all members poll and time go on until every one has heard of the last rebalance; returns what they read.
    @discardableResult
    func settle(_ members: [any ConsumerConnection], rounds: Int = 8) throws(ClientError) -> [[FetchedRecords]] {
        var read: [[FetchedRecords]] = members.map { _ in [] }
        for _ in 0..<rounds {
            for (index, member) in members.enumerated() { read[index] += try member.poll(timeout: .zero) }
            time.advance(by: .milliseconds(25))
        }
        return read
    }

    /// Everything that readers of an isolation level get from a partition.
    func values(_ topic: String, _ partition: Int32 = 0, _ isolation: IsolationLevel = .readCommitted) async throws
        -> [String]
    {
        let consumer = try await consumer(TopicPartition(topic, partition)) { $0.isolation = isolation }
        var values: [String] = []
        while true {
            let batches = try await consumer.poll(timeout: .zero)
            for batch in batches { values += try batch.records().map { $0.valueText ?? "null" } }
            if batches.isEmpty, try await consumer.lag().values.allSatisfy({ $0 == 0 }) { break }
        }
        await consumer.close()
        return values
    }
}

/// The error that `body` throws; nil if it throws none.
func failure<Value>(_ body: () async throws(ClientError) -> Value) async -> ClientError? {
    do throws(ClientError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}

func record(_ value: String, to topic: String = "t", key: String? = nil, partition: Int32? = nil) -> ProducerRecord {
    ProducerRecord(
        topic: topic,
        partition: partition,
        key: key.map { Array($0.utf8) },
        value: Array(value.utf8)
    )
}

extension FetchedRecords {
    /// The values in here, as text.
    func values() throws -> [String] {
        var values: [String] = []
        try withEach { view in values.append(view.value.map { String(decoding: $0, as: UTF8.self) } ?? "null") }
        return values
    }
}

/// The error that `body` throws; nil if it throws none.
func refusal<Value>(_ body: () throws(ClientError) -> Value) -> ClientError? {
    do throws(ClientError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

/// Writes down what a consumer tells it.
final class RecordingListener: RebalanceListener {
    enum Call: Hashable {
        case revoked([TopicPartition])
        case assigned([TopicPartition])
        case lost([TopicPartition])
    }

    var calls: [Call] = []
    /// Done when partitions are taken away, as an application does that commits then.
    var onRevoked: ([TopicPartition]) -> Void = { _ in }
    /// Done when partitions are gone.
    var onLost: ([TopicPartition]) -> Void = { _ in }

    func partitionsRevoked(_ partitions: [TopicPartition]) {
        calls.append(.revoked(partitions))
        onRevoked(partitions)
    }

    func partitionsAssigned(_ partitions: [TopicPartition]) { calls.append(.assigned(partitions)) }

    func partitionsLost(_ partitions: [TopicPartition]) {
        calls.append(.lost(partitions))
        onLost(partitions)
    }
}
