import Foundation
import Logging
import Measuring
import Millrace

/// What a process of `start` does: `millrace-bench --start-process WHAT KIND DIRECTORY`. The measuring one begins with an
/// empty memory, as an application does, and one can be killed.
struct StartProcess {
    enum Work: String {
        /// Makes the topics, fills the store and stops.
        case prepare
        /// Measures a start, leaves records for the next one, and stops.
        case startThenStop
        /// Measures a start, and is killed by the system in the midst of processing.
        case startThenCrash
    }

    static let partitions: Int32 = 1_000
    private static let recordsPerPartition = 100

    let work: Work
    let kind: StartKind
    let directory: String
    private let logger: Logger

    init?(_ arguments: [String]) {
        guard arguments.count == 4, arguments[0] == "--start-process", let work = Work(rawValue: arguments[1]),
            let kind = StartKind(rawValue: arguments[2])
        else { return nil }
        self.work = work
        self.kind = kind
        directory = arguments[3]
        var logger = Logger(label: "start") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        self.logger = logger
    }

    func run() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let broker = try await EmbeddedBroker.open(at: directory, logger: logger)
        let open = clock.now - start
        let admin = try Admin(on: broker)
        if work == .prepare {
            try await admin.createTopic(NewTopic("input", partitions: Self.partitions))
            try await admin.createTopic(NewTopic("output", partitions: 4))
            try write(to: broker)
        }
        let application = try application(on: broker)
        async let running: Void = application.run()
        try await wait(for: application) { application.state == .running }
        let ready = clock.now - start
        try await wait(for: application) { application.progress.recordsProcessed > 0 }
        let first = clock.now - start
        let run = StartRun(
            openMillis: open.inSeconds * 1e3,
            runningMillis: ready.inSeconds * 1e3,
            firstRecordMillis: first.inSeconds * 1e3,
            partitions: try await partitionCount(admin),
            cpuSeconds: Resources.cpuSeconds,
            peakBytes: Resources.peakBytes
        )
        FileHandle.standardOutput.write(try JSONEncoder().encode(run))
        if work == .startThenCrash { try await crash(broker, application) }
        try await wait(for: application) { try await application.lag().values.allSatisfy { $0 == 0 } }
        application.stop()
        try await running
        try write(to: broker)
        broker.close()
    }

    /// Dies as by loss of power, but for the page cache: with a transaction open, and input not yet read.
    private func crash(_ broker: EmbeddedBroker, _ application: StreamsApplication) async throws {
        let commits = application.progress.commits
        while application.progress.commits < commits + 3 { try write(to: broker) }
        try write(to: broker)
        kill(getpid(), SIGKILL)
    }

    private func wait(for application: StreamsApplication, until isDone: () async throws -> Bool) async throws {
        while try await !isDone() {
            guard application.state != .error else { throw BenchError.outputDiffers("start: the application failed") }
            try await Task.sleep(for: .microseconds(200))
        }
    }

    private func partitionCount(_ admin: Admin) async throws -> Int {
        var count = 0
        for topic in try await admin.topicNames() {
            count += Int(try await admin.describeTopic(topic)?.partitionCount ?? 0)
        }
        return count
    }

    /// Writes a hundred records to each partition, of as many keys.
    private func write(to broker: EmbeddedBroker) throws {
        var settings = ProducerSettings()
        settings.isIdempotent = false
        settings.acknowledgement = .written
        let connection = try broker.connectProducer(settings)
        defer { connection.close() }
        let batch = RecordBatchBuilder()
        let value = [UInt8](repeating: UInt8(ascii: "v"), count: 100)
        for partition in 0..<Self.partitions {
            for number in 0..<Self.recordsPerPartition {
                let key = UInt64(partition) * UInt64(Self.recordsPerPartition) + UInt64(number)
                withUnsafeBytes(of: key.bigEndian) { key in
                    value.withUnsafeBytes { _ = batch.append(key: key, value: $0, timestamp: 0) }
                }
            }
            try connection.send(batch, to: TopicPartition("input", partition), onDelivery: nil)
            batch.reset()
        }
        try connection.flush()
    }

    private func application(on broker: EmbeddedBroker) throws -> StreamsApplication {
        let builder = StreamsBuilder()
        let input = builder.stream("input", keys: .uint64, values: .bytes)
        switch kind {
        case .stateless: input.to("output", keys: .uint64, values: .bytes)
        case .store: input.groupByKey().count(store: "counts").toStream().to("output", keys: .uint64, values: .int64)
        }
        return StreamsApplication(id: "start", topology: try builder.build(), on: broker, logger: logger)
    }
}
