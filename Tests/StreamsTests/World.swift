import FoundationEssentials
import Logging
import Millrace
import MillraceFileIO
import MillraceLogEngine
import MillracePrimitives
import SystemPackage
import Testing

/// A broker with some topics, and short ways to write to them, run topologies and read what came of it.
final class World: Sendable {
    let broker: EmbeddedBroker
    private let directory: FilePath

    static let applicationId = "test"

    /// Makes a broker with topics of so many partitions each.
    init(
        _ topics: KeyValuePairs<String, Int32> = ["in": 1, "out": 1],
        time: any TimeSource = SystemTime()
    ) async throws {
        directory = FilePath(FileManager.default.temporaryDirectory.path).appending("millrace-\(UUID().uuidString)")
        broker = try EmbeddedBroker(
            directory: directory,
            fileSystem: LocalFileSystem(),
            time: time,
            random: SeededRandom(seed: 1),
            logger: Self.quiet,
            keepsHouse: true
        )
        let admin = try Admin(on: broker)
        for (name, partitions) in topics {
            try await admin.createTopicIfMissing(NewTopic(name, partitions: partitions))
        }
    }

    deinit {
        broker.close()
        // What a failed removal leaves behind is the temporary directory's matter.
        try? FileManager.default.removeItem(atPath: directory.string)
    }

    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    // Writing

    /// Writes records and waits until they are stored.
    func write(_ records: [ProducerRecord]) async throws {
        let producer = try await Producer(on: broker)
        for record in records { try await producer.enqueue(record) }
        try await producer.flush()
        await producer.close()
    }

    /// Writes texts with their keys.
    func write(_ records: [(key: String?, value: String?)], to topic: String = "in") async throws {
        try await write(records.map { ProducerRecord(topic: topic, key: $0.key, value: $0.value) })
    }

    /// Writes texts without keys.
    func write(_ values: [String], to topic: String = "in") async throws {
        try await write(values.map { (nil, $0) }, to: topic)
    }

    // Running

    /// An application that is not started.
    func application(
        _ topology: Topology,
        id: String = applicationId,
        _ configure: (inout StreamsConfiguration) -> Void = { _ in },
        onStateChange: @escaping @Sendable (ApplicationState, ApplicationState) -> Void = { _, _ in }
    ) -> StreamsApplication {
        var configuration = StreamsConfiguration()
        configure(&configuration)
        return StreamsApplication(
            id: id,
            topology: topology,
            on: broker,
            configuration: configuration,
            logger: Self.quiet,
            onStateChange: onStateChange
        )
    }

    /// Runs a topology until it has read everything; then it commits, and not before unless `configure` says so or an
    /// operator asks for it.
    @discardableResult
    func run(
        _ topology: Topology,
        _ configure: (inout StreamsConfiguration) -> Void = { _ in }
    ) async throws -> StreamsProgress {
        let application = application(topology) { configuration in
            configuration.transactionTimeout = .seconds(600)
            configuration.commitInterval = .seconds(300)
            configure(&configuration)
        }
        try await application.runUntilCaughtUp()
        return application.progress
    }

    /// Builds a topology and runs it until it has read everything.
    @discardableResult
    func run(
        cacheMaximumBytes: Int = 10 << 20,
        build: (StreamsBuilder) -> Void
    ) async throws -> StreamsProgress {
        let builder = StreamsBuilder()
        build(builder)
        return try await run(try builder.build()) { $0.cacheMaximumBytes = cacheMaximumBytes }
    }

    // Reading

    /// All records of a topic that are committed, partition by partition.
    func records(
        of topic: String = "out",
        isolation: IsolationLevel = .readCommitted
    ) async throws -> [ConsumerRecord] {
        var settings = ConsumerSettings()
        settings.isolation = isolation
        settings.autoCommitInterval = nil
        let consumer = try await Consumer(on: broker, settings: settings)
        let count = try await Admin(on: broker).describeTopic(topic)?.partitionCount ?? 0
        let partitions = (0..<count).map { TopicPartition(topic, $0) }
        try await consumer.assign(partitions)
        var records: [ConsumerRecord] = []
        while try await consumer.lag().values.contains(where: { $0 > 0 }) {
            for batch in try await consumer.poll(timeout: .milliseconds(50)) { records += try batch.records() }
        }
        await consumer.close()
        return records.sorted { ($0.partition, $0.offset) < ($1.partition, $1.offset) }
    }

    /// Keys and values of a topic as text: `key=value`, with `~` for null.
    func texts(of topic: String = "out") async throws -> [String] {
        try await records(of: topic).map { "\($0.keyText ?? "~")=\($0.valueText ?? "~")" }
    }

    /// Keys and values of a topic, decoded; null values as nil.
    func values<Value>(of topic: String = "out", _ values: Serde<Value>) async throws -> [String] {
        try await records(of: topic).map { record in
            let value = try record.value.map { "\(try values.value(of: $0))" } ?? "~"
            return "\(record.keyText ?? "~")=\(value)"
        }
    }

    /// The last value of each key of a topic; keys whose last value is null are left out.
    func table<Value>(of topic: String = "out", _ values: Serde<Value>) async throws -> [String: Value] {
        var table: [String: Value] = [:]
        for record in try await records(of: topic) {
            table[record.keyText ?? "~"] = try record.value.map { try values.value(of: $0) }
        }
        return table
    }
}

/// For time limits: a test that hangs fails instead.
extension Trait where Self == TimeLimitTrait {
    static var short: Self { .timeLimit(.minutes(5)) }
}
