import Logging
import Millrace

/// Runs workloads on an embedded broker, over the same kind of input as the floor has.
struct FrameworkBench {
    let broker: EmbeddedBroker
    let admin: Admin
    private let logger: Logger
    let records: Int64
    /// Makes the applications of this session new ones, which begin at the beginning.
    private let session: UInt64
    static let partitions: Int32 = 4

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

    /// Writes the input, unless a former run has left the same: keys from 0 to 99,999 and 100 lower-case letters.
    func generate() async throws {
        if try await admin.describeTopic("input") != nil {
            var stored: Int64 = 0
            for partition in 0..<Self.partitions {
                stored += Int64(try await admin.offsetRange(of: TopicPartition("input", partition)).count)
            }
            if stored == records { return }
            try await admin.deleteTopic("input")
        }
        try await admin.createTopic(NewTopic("input", partitions: Self.partitions))
        try produce(to: "input", acknowledgement: .written)
    }

    /// Writes the session's records to a topic, on the calling thread.
    func produce(to topic: String, acknowledgement: Acknowledgement) throws {
        var settings = ProducerSettings()
        settings.isIdempotent = false
        settings.acknowledgement = acknowledgement
        let connection = try broker.connectProducer(settings)
        let batches = (0..<Self.partitions).map { _ in RecordBatchBuilder() }
        var random = SeededRandom(seed: 42)
        var value = [UInt8](repeating: 0, count: 100)
        for index in value.indices { value[index] = UInt8(ascii: "a") + UInt8(index % 26) }
        for number in 0..<records {
            let key = (random.next() % 100_000).bigEndian
            try withUnsafeBytes(of: key) { key in
                let partition = Hashes.partition(forKey: key, of: Self.partitions)
                let batch = batches[Int(partition)]
                try value.withUnsafeBytes { value in
                    if batch.append(key: key, value: value, timestamp: number) { return }
                    try connection.send(batch, to: TopicPartition(topic, partition), onDelivery: nil)
                    batch.reset()
                    batch.append(key: key, value: value, timestamp: number)
                }
            }
        }
        for partition in 0..<Self.partitions where !batches[Int(partition)].isEmpty {
            try connection.send(batches[Int(partition)], to: TopicPartition(topic, partition), onDelivery: nil)
        }
        try connection.flush()
        connection.close()
    }

    /// Runs a workload from the input's beginning to its end, the last commit included.
    func run(_ workload: Workload, _ promise: Promise, threads: Int, commitMs: Int64, number: Int) async throws
        -> Sample
    {
        let id = "bench-\(session)-\(number)"
        try await admin.createTopic(NewTopic("output", partitions: Self.partitions))
        let application = StreamsApplication(
            id: id,
            topology: try workload.topology(),
            on: broker,
            configuration: promise.configuration(threads: threads, commitMs: commitMs),
            logger: logger
        )
        Resources.resetPeak()
        let cpu = Resources.cpuSeconds
        let clock = ContinuousClock()
        let start = clock.now
        async let running: Void = application.run()
        while application.progress.recordsProcessed < records, application.state != .error {
            try await Task.sleep(for: .milliseconds(1))
        }
        application.stop()
        try await running
        let elapsed = clock.now - start
        let sample = Sample(
            seconds: Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18,
            cpuSeconds: Resources.cpuSeconds - cpu,
            peakBytes: Resources.peakBytes,
            commits: application.progress.commits,
            records: Int(records)
        )
        try await check(workload)
        try await removeOutputs()
        return sample
    }

    /// The output must be there: every counted record, or about nine in ten.
    private func check(_ workload: Workload) async throws {
        var stored: Int64 = 0
        for partition in 0..<Self.partitions {
            stored += Int64(try await admin.offsetRange(of: TopicPartition("output", partition)).count)
        }
        let isRight =
            switch workload {
            case .pipe: stored > records * 88 / 100 && stored < records * 93 / 100
            case .count: stored >= records
            }
        guard isRight else { throw BenchError.outputDiffers("\(workload.rawValue): \(stored) offsets") }
    }
}
