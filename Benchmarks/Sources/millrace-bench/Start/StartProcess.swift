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
    /// How many different keys a partition has, and records at first.
    private static let keysPerPartition = 100
    /// How many records a partition gets for each start.
    private static let recordsPerStart = 10

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
        followParent()
        let clock = ContinuousClock()
        let start = clock.now
        let broker = try await EmbeddedBroker.open(at: directory, logger: logger)
        let open = clock.now - start
        let admin = try Admin(on: broker)
        if work == .prepare {
            try await admin.createTopic(NewTopic("input", partitions: Self.partitions))
            try await admin.createTopic(NewTopic("output", partitions: 4))
            try write(to: broker, each: Self.keysPerPartition)
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
        while application.state != .error, try await application.lag().values.contains(where: { $0 > 0 }) {
            try await Task.sleep(for: .milliseconds(20))
        }
        application.stop()
        try await running
        try write(to: broker, each: Self.recordsPerStart)
        broker.close()
    }

    /// Dies as by loss of power, but for the page cache: with a transaction open, and input not yet read.
    private func crash(_ broker: EmbeddedBroker, _ application: StreamsApplication) async throws {
        for _ in 0..<2 {
            let processed = application.progress.recordsProcessed
            let commits = application.progress.commits
            try write(to: broker, each: Self.recordsPerStart)
            try await wait(for: application) {
                application.progress.recordsProcessed > processed && application.progress.commits > commits
            }
        }
        let processed = application.progress.recordsProcessed
        try write(to: broker, each: Self.recordsPerStart)
        try await wait(for: application) { application.progress.recordsProcessed > processed }
        kill(getpid(), SIGKILL)
    }

    /// Ends this process when the one that started it is gone.
    private func followParent() {
        Thread.detachNewThread {
            _ = FileHandle.standardInput.readDataToEndOfFile()
            Resources.exit(1)
        }
    }

    private func wait(for application: StreamsApplication, until isDone: () -> Bool) async throws {
        while !isDone() {
            guard application.state != .error else { throw BenchError.outputDiffers("start: the application failed") }
            try await Task.sleep(for: .microseconds(500))
        }
    }

    private func partitionCount(_ admin: Admin) async throws -> Int {
        var count = 0
        for topic in try await admin.topicNames() {
            count += Int(try await admin.describeTopic(topic)?.partitionCount ?? 0)
        }
        return count
    }

    /// Writes so many records to each partition.
    private func write(to broker: EmbeddedBroker, each count: Int) throws {
        var settings = ProducerSettings()
        settings.isIdempotent = false
        settings.acknowledgement = .written
        let connection = try broker.connectProducer(settings)
        defer { connection.close() }
        let batch = RecordBatchBuilder()
        let value = [UInt8](repeating: UInt8(ascii: "v"), count: 100)
        for partition in 0..<Self.partitions {
            for number in 0..<count {
                let key = UInt64(partition) * UInt64(Self.keysPerPartition) + UInt64(number)
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
