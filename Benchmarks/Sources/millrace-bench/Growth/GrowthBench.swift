import Foundation
import Logging
import Measuring
import Millrace
import Workloads

/// Measures what a record costs under exactly-once, with a commit every 100 ms on one thread, as one thing grows.
struct GrowthBench {
    private let options: BenchOptions
    private let directory: String
    private let logger: Logger

    init(_ options: BenchOptions) {
        self.options = options
        directory = options.directory + "/growth"
        var logger = Logger(label: "growth") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        self.logger = logger
    }

    /// The curves that are wanted, point by point: each is run once to warm up, and then as often as is asked for.
    func run() async throws -> [GrowthPoint] {
        try? FileManager.default.removeItem(atPath: directory)
        let broker = try await EmbeddedBroker.open(at: directory, logger: logger)
        defer {
            broker.close()
            try? FileManager.default.removeItem(atPath: directory)
        }
        let admin = try Admin(on: broker)
        var points: [GrowthPoint] = []
        var written: GrowthInput?
        for curve in GrowthCurve.allCases where options.curves?.contains(curve.rawValue) ?? true {
            for plan in curve.points(records: options.records) {
                Resources.printError("growth, \(curve.rawValue): \(plan.size)\n")
                if written != plan.input {
                    try await write(plan.input, to: broker, admin)
                    written = plan.input
                }
                if let point = try await measure(plan, number: points.count, on: broker, admin) { points.append(point) }
            }
        }
        return points
    }

    private func write(_ input: GrowthInput, to broker: EmbeddedBroker, _ admin: Admin) async throws {
        if try await admin.describeTopic("input") != nil { try await admin.deleteTopic("input") }
        try await admin.createTopic(NewTopic("input", partitions: input.partitions))
        let writer = try BatchWriter(
            to: broker,
            topic: "input",
            partitions: input.partitions,
            acknowledgement: .written
        )
        var random = SeededRandom(seed: 42)
        let value = (0..<input.valueBytes).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        for number in 0..<input.records {
            try writer.append(key: random.next() % input.keys, value: value, at: number)
        }
        try writer.finish()
    }

    private func measure(
        _ plan: GrowthPlan,
        number: Int,
        on broker: EmbeddedBroker,
        _ admin: Admin
    ) async throws -> GrowthPoint? {
        var samples = Samples()
        for run in 0...options.repetitions {
            try await admin.createTopic(NewTopic("output", partitions: Input.partitions))
            Resources.levelGround()
            var configuration = StreamsConfiguration()
            configuration.cacheMaximumBytes = 0
            let application = StreamsApplication(
                id: "growth-\(number)-\(run)",
                topology: try plan.topology(),
                on: broker,
                configuration: configuration,
                logger: logger
            )
            var sample = try await application.timed(records: plan.records) {
                try await application.waitUntilProcessed(plan.records)
            }
            // A part of the input ends somewhere within a batch.
            sample.records = application.progress.recordsProcessed
            guard sample.records >= plan.records else {
                throw BenchError.outputDiffers("growth: \(plan.curve.rawValue)")
            }
            if run > 0 { samples.all.append(sample) }
            for topic in try await admin.topicNames() where topic == "output" || topic.hasPrefix("growth-") {
                try await admin.deleteTopic(topic)
            }
        }
        let outcome = Outcome(
            workload: plan.workload,
            guarantee: Promise.exactlyOnce.rawValue,
            threads: 1,
            commitMs: 100,
            samples: samples
        )
        return GrowthPoint(curve: plan.curve.rawValue, size: plan.size, outcome)
    }
}
