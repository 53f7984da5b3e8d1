import Foundation
import Logging
import Measuring
import Millrace
import Workloads

/// Sends records at a steady rate through an application, and takes the time until a reader of committed data has them.
struct LatencyBench {
    static let recordsPerSecond: Int64 = 10_000
    /// What is sent before the time is taken, in seconds.
    static let warmUpSeconds: Int64 = 1

    let directory: String
    /// How long the time is taken in a run.
    let seconds: Int64
    let logger: Logger

    private static let input = "latency-input"
    private static let output = "latency-output"

    /// Runs producer, application and consumer once, on a broker of their own.
    func run(_ promise: Promise, commitMs: Int64) async throws -> LatencyRun {
        try? FileManager.default.removeItem(atPath: directory)
        let broker = try await EmbeddedBroker.open(at: directory, logger: logger)
        defer { broker.close() }
        let admin = try Admin(on: broker)
        for topic in [Self.input, Self.output] {
            try await admin.createTopic(NewTopic(topic, partitions: Input.partitions))
        }
        let application = try application(promise, commitMs: commitMs, on: broker)
        async let running: Void = application.run()
        while application.state == .created || application.state == .rebalancing {
            try await Task.sleep(for: .milliseconds(1))
        }
        Resources.resetPeak()
        let cpu = Resources.cpuSeconds
        let schedule = Schedule(
            startNanoseconds: SystemTime().monotonicNanoseconds + 200_000_000,
            recordsPerSecond: Self.recordsPerSecond,
            records: Self.recordsPerSecond * (Self.warmUpSeconds + seconds)
        )
        async let sent: Void = Self.onThread("sender") { try Self.send(schedule, to: broker) }
        var run = try await Self.onThread("receiver") { try Self.receive(schedule, from: broker) }
        try await sent
        run.cpuSeconds = Resources.cpuSeconds - cpu
        run.peakBytes = Resources.peakBytes
        application.stop()
        try await running
        run.commits = application.progress.commits
        return run
    }

    private func application(
        _ promise: Promise,
        commitMs: Int64,
        on broker: EmbeddedBroker
    ) throws -> StreamsApplication {
        let builder = StreamsBuilder()
        builder.stream(Self.input, keys: .uint64, values: .bytes)
            .mapValues { value in value.map { $0 & ~0x20 } }
            .to(Self.output, keys: .uint64, values: .bytes)
        var configuration = StreamsConfiguration()
        configuration.guarantee = promise == .exactlyOnce ? .exactlyOnce : .atLeastOnce
        configuration.commitInterval = .milliseconds(commitMs)
        return StreamsApplication(
            id: "latency",
            topology: try builder.build(),
            on: broker,
            configuration: configuration,
            logger: logger
        )
    }

    /// Sends every record when it is due, with its number as the key. Those that are due together go together.
    private static func send(_ schedule: Schedule, to broker: EmbeddedBroker) throws {
        var settings = ProducerSettings()
        settings.isIdempotent = false
        settings.acknowledgement = .written
        let connection = try broker.connectProducer(settings)
        defer { connection.close() }
        let batches = (0..<Input.partitions).map { _ in RecordBatchBuilder() }
        let value = (0..<100).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        let clock = SystemTime()
        var next: Int64 = 0
        while next < schedule.records {
            schedule.sleep(until: next)
            let time = clock.milliseconds
            let end = max(next + 1, schedule.count(dueAt: clock.monotonicNanoseconds))
            for number in next..<end {
                withUnsafeBytes(of: UInt64(number).bigEndian) { key in
                    let partition = Hashes.partition(forKey: key, of: Input.partitions)
                    value.withUnsafeBytes { value in
                        _ = batches[Int(partition)].append(key: key, value: value, timestamp: time)
                    }
                }
            }
            next = end
            for (partition, batch) in batches.enumerated() where !batch.isEmpty {
                try connection.send(batch, to: TopicPartition(input, Int32(partition)), onDelivery: nil)
                batch.reset()
            }
        }
        try connection.flush()
    }

    /// Reads what is committed until every record is there, each of them once.
    private static func receive(_ schedule: Schedule, from broker: EmbeddedBroker) throws -> LatencyRun {
        let consumer = try broker.connectConsumer(ConsumerSettings())
        defer { consumer.close() }
        let partitions = (0..<Input.partitions).map { TopicPartition(output, $0) }
        try consumer.assign(partitions)
        for partition in partitions { try consumer.seek(partition, to: 0) }
        let clock = SystemTime()
        let patience = schedule.due(schedule.records) + 10_000_000_000
        let warmUp = recordsPerSecond * warmUpSeconds
        var run = LatencyRun()
        var isMissing = [Bool](repeating: true, count: Int(schedule.records))
        var missing = schedule.records
        while missing > 0 {
            let fetched = try consumer.poll(timeout: .seconds(1))
            let now = clock.monotonicNanoseconds
            guard now < patience else { throw BenchError.outputDiffers("latency: \(missing) records are missing") }
            for records in fetched {
                try records.withEach { record in
                    guard let key = record.key, key.count == 8 else { throw BenchError.outputDiffers("latency: a key") }
                    let number = Int64(UInt64(bigEndian: key.loadUnaligned(as: UInt64.self)))
                    guard isMissing.indices.contains(Int(number)), isMissing[Int(number)] else {
                        throw BenchError.outputDiffers("latency: record \(number) came twice")
                    }
                    isMissing[Int(number)] = false
                    missing -= 1
                    if number >= warmUp { run.record(nanoseconds: now - schedule.due(number)) }
                }
            }
        }
        return run
    }

    /// Runs what blocks on a thread of its own.
    private static func onThread<Value: Sendable>(
        _ name: String,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try work() }) }
            thread.name = name
            thread.start()
        }
    }
}
