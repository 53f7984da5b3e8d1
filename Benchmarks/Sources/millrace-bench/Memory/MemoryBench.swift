import Foundation
import Logging
import Measuring
import Millrace
import Workloads

/// Counts a hundred million records in one run, and looks at the memory as it goes. What is read is deleted, as by
/// retention, so that the disk does not fill.
struct MemoryBench {
    private static let recordsPerStep: Int64 = 1_000_000
    private static let commitMs: Int64 = 100

    private let records: Int64
    private let directory: String
    private let logger: Logger

    /// Of twenty times the records of other workloads.
    init(_ options: BenchOptions) {
        records = options.records * 20
        directory = options.directory + "/memory"
        var logger = Logger(label: "memory") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        self.logger = logger
    }

    func run() async throws -> MemoryCourse {
        try? FileManager.default.removeItem(atPath: directory)
        let broker = try await EmbeddedBroker.open(at: directory, logger: logger)
        defer {
            broker.close()
            try? FileManager.default.removeItem(atPath: directory)
        }
        let admin = try Admin(on: broker)
        for topic in ["input", "output"] {
            try await admin.createTopic(NewTopic(topic, partitions: Input.partitions))
        }
        var configuration = StreamsConfiguration()
        configuration.commitInterval = .milliseconds(Self.commitMs)
        configuration.cacheMaximumBytes = 0
        let application = StreamsApplication(
            id: "memory",
            topology: try Workload.count.topology(),
            on: broker,
            configuration: configuration,
            logger: logger
        )
        Resources.resetPeak()
        let cpu = Resources.cpuSeconds
        let clock = ContinuousClock()
        let start = clock.now
        async let running: Void = application.run()
        var points: [MemoryCourse.Point] = []
        var written: Int64 = 0
        var random = SeededRandom(seed: 42)
        let value = (0..<100).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        while written < records, application.state != .error {
            let writer = try BatchWriter(to: broker, topic: "input", acknowledgement: .written)
            for number in 0..<Self.recordsPerStep {
                try writer.append(key: random.next() % Input.keys, value: value, at: written + number)
            }
            try writer.finish()
            written += Self.recordsPerStep
            // The sender is never more than two steps ahead.
            try await application.waitUntilProcessed(written - Self.recordsPerStep)
            if let point = point(at: application) { points.append(point) }
            if written % (10 * Self.recordsPerStep) == 0 { try await deleteRead(admin, application) }
        }
        try await application.waitUntilProcessed(written)
        if let point = point(at: application) { points.append(point) }
        let seconds = (clock.now - start).inSeconds
        application.stop()
        try await running
        return MemoryCourse(
            guarantee: Promise.exactlyOnce.rawValue,
            commitMillis: Self.commitMs,
            recordsPerSecond: Double(written) / seconds,
            cpuSeconds: Resources.cpuSeconds - cpu,
            peakBytes: Resources.peakBytes,
            points: points
        )
    }

    private func point(at application: StreamsApplication) -> MemoryCourse.Point? {
        guard let memory = Resources.memory else { return nil }
        return MemoryCourse.Point(
            records: application.progress.recordsProcessed,
            residentBytes: memory.residentBytes,
            anonymousBytes: memory.anonymousBytes,
            peakBytes: Resources.peakBytes
        )
    }

    /// Deletes the input up to what is committed, and all results.
    private func deleteRead(_ admin: Admin, _ application: StreamsApplication) async throws {
        for (partition, committed) in try await admin.committedOffsets(of: application.id) {
            try await admin.deleteRecords(partition, before: committed.offset)
        }
        for partition in 0..<Input.partitions {
            let output = TopicPartition("output", partition)
            let range = try await admin.offsetRange(of: output)
            try await admin.deleteRecords(output, before: range.upperBound)
        }
    }
}
