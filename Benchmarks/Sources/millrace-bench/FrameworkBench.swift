import Logging
import Measuring
import Millrace
import Workloads

/// Runs workloads on an embedded broker, over the same kind of input as the floor has.
struct FrameworkBench {
    let broker: EmbeddedBroker
    let admin: Admin
    private let logger: Logger
    let records: Int64
    /// Makes the applications of this session new ones, which begin at the beginning.
    private let session: UInt64

    init(directory: String, records: Int64) async throws {
        var logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        self.logger = logger
        broker = try await EmbeddedBroker.open(at: directory, logger: logger)
        admin = try Admin(on: broker)
        self.records = records
        var random = SeededRandom.unpredictable()
        session = random.next()
        try await removeOutputs()
    }

    /// Removes what a run, or one that was interrupted, has written.
    func removeOutputs() async throws {
        for topic in try await admin.topicNames() where topic == "output" || topic.hasPrefix("bench-") {
            try await admin.deleteTopic(topic)
        }
    }

    /// Writes an input topic, unless a former run has left the same.
    func prepare(_ input: Input, records: Int64) async throws {
        if try await admin.describeTopic(input.rawValue) != nil {
            if try await offsets(of: input.rawValue) == records { return }
            try await admin.deleteTopic(input.rawValue)
        }
        try await admin.createTopic(NewTopic(input.rawValue, partitions: Input.partitions))
        try input.write(records: records, to: broker)
    }

    private func offsets(of topic: String) async throws -> Int64 {
        var stored: Int64 = 0
        for partition in 0..<Input.partitions {
            stored += Int64(try await admin.offsetRange(of: TopicPartition(topic, partition)).count)
        }
        return stored
    }

    /// Runs a workload from the input's beginning to its end, the last commit included.
    func run(_ workload: Workload, _ measurement: Measurement, number: Int) async throws -> Sample {
        try await admin.createTopic(NewTopic("output", partitions: Input.partitions))
        let application = application("bench-\(session)-\(number)", try workload.topology(), measurement)
        let sample = try await application.timed(records: records) {
            try await application.waitUntilProcessed(workload.processed(records: records))
        }
        try await check(workload)
        try await removeOutputs()
        return sample
    }

    /// Starts an application without local state, whose counts of all records lie in its changelog: from its start until
    /// it is ready to process.
    func restore(number: Int) async throws -> Sample {
        try await admin.createTopic(NewTopic("output", partitions: Input.partitions))
        let id = "bench-\(session)-\(number)"
        let before = Measurement(subject: .application(.count), promise: .exactlyOnce, commitMs: 100)
        try await application(id, try Workload.count.topology(), before).runUntilCaughtUp()
        Resources.levelGround()
        let application = application(id, try Workload.count.topology(), before)
        var sample = try await application.timed(records: records) {
            while application.state != .running, application.state != .error {
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        sample.records = application.progress.recordsRestored
        try await removeOutputs()
        return sample
    }

    private func application(_ id: String, _ topology: Topology, _ measurement: Measurement) -> StreamsApplication {
        var configuration = StreamsConfiguration()
        configuration.threads = measurement.threads
        configuration.cacheMaximumBytes = 0
        configuration.guarantee = measurement.promise == .exactlyOnce ? .exactlyOnce : .atLeastOnce
        // What goes through a repartition topic is read after a commit.
        let rarely: Duration = measurement.subject == .application(.wordcount) ? .seconds(1) : .seconds(3_600)
        configuration.commitInterval = measurement.promise == .none ? rarely : .milliseconds(measurement.commitMs)
        return StreamsApplication(id: id, topology: topology, on: broker, configuration: configuration, logger: logger)
    }

    /// The output must be there: every record that has a result, and the markers of the transactions.
    private func check(_ workload: Workload) async throws {
        let stored = try await offsets(of: "output")
        let isRight =
            switch workload {
            case .pipe: stored > records * 88 / 100 && stored < records * 93 / 100
            case .count, .window, .join: stored >= records
            case .wordcount: stored >= Input.words(inLines: records)
            }
        guard isRight else { throw BenchError.outputDiffers("\(workload.rawValue): \(stored) offsets") }
    }
}
