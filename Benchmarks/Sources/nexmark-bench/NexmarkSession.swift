import Logging
import Measuring
import Millrace
import Nexmark
import NexmarkBatch

/// Runs the chosen queries one after the other on one broker.
struct NexmarkSession {
    let options: NexmarkOptions
    private let run: NexmarkRun
    private let generator = Generator()
    /// Makes the applications of this session new ones, which begin at the beginning.
    private let session: UInt64
    private var number = 0

    /// Writes the input.
    init(_ options: NexmarkOptions) async throws {
        self.options = options
        var logger = Logger(label: "nexmark") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        Resources.makeDirectory(options.directory)
        let broker = try await EmbeddedBroker.open(at: options.directory + "/nexmark", logger: logger)
        run = try NexmarkRun(on: broker, logger: logger)
        var random = SeededRandom.unpredictable()
        session = random.next()
        try await run.removeOutputs()
        Resources.printError("writing the input: \(options.events) events\n")
        try await run.prepare(options.events, of: generator)
    }

    /// Times every query, round by round so that all see the same machine; the first round is not counted.
    mutating func measure() async throws -> [Outcome] {
        var outcomes = options.threads.flatMap { threads in
            options.queries.map { query in
                Outcome(
                    workload: "nexmark-\(query.name)",
                    guarantee: "exactlyOnce",
                    threads: threads,
                    commitMs: 100,
                    samples: Samples()
                )
            }
        }
        for round in 0...options.repetitions {
            Resources.printError(round == 0 ? "warming up\n" : "round \(round) of \(options.repetitions)\n")
            for index in outcomes.indices {
                Resources.levelGround()
                let query = options.queries[index % options.queries.count]
                let sample = try await time(query, threads: outcomes[index].threads)
                if round > 0 { outcomes[index].samples.all.append(sample) }
                try await run.removeOutputs()
            }
        }
        run.broker.close()
        return outcomes
    }

    /// Runs every query once and compares its output with what the batch program says.
    mutating func check() async throws -> [Comparison] {
        let events = (0..<options.events).map { generator.event(at: $0) }
        var comparisons: [Comparison] = []
        for query in options.queries {
            guard let query = query as? any BatchQuery.Type else { continue }
            for threads in options.threads {
                _ = try await time(query, threads: threads)
                let comparison = try run.check(query, against: events)
                print(comparison)
                comparisons.append(comparison)
                try await run.removeOutputs()
            }
        }
        run.broker.close()
        return comparisons
    }

    private mutating func time(_ query: any NexmarkQuery.Type, threads: Int) async throws -> Sample {
        number += 1
        let application = try await run.application(
            query,
            id: "nexmark-\(session)-\(number)",
            configuration: NexmarkRun.configuration(threads: threads)
        )
        return try await application.timedUntilCaughtUp(records: options.events)
    }
}
