import Logging
import Measuring

/// Measures latency for each promise and commit interval, round by round.
struct LatencySession {
    let options: BenchOptions
    let repetitions: Int
    private let bench: LatencyBench

    init(_ options: BenchOptions) {
        self.options = options
        repetitions = min(options.repetitions, 3)
        var logger = Logger(label: "latency") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        bench = LatencyBench(directory: options.directory + "/latency", seconds: options.seconds, logger: logger)
    }

    /// Without commits there is no latency to speak of: results are sent when a batch is full.
    func run() async throws -> [Latency] {
        let promises = [Promise.exactlyOnce, Promise.atLeastOnce].filter { $0 == options.promise ?? $0 }
        let subjects = promises.flatMap { promise in options.commitMs.map { (promise, $0) } }
        var runs = subjects.map { _ in [LatencyRun]() }
        for round in 1...repetitions {
            for (place, subject) in subjects.enumerated() {
                Resources.printError(
                    "latency, \(subject.0.rawValue), commits every \(subject.1) ms, \(round) of \(repetitions)\n"
                )
                Resources.levelGround()
                runs[place].append(try await bench.run(subject.0, commitMs: subject.1))
            }
        }
        return zip(subjects, runs).compactMap { result(of: $1, $0.0, commitMs: $0.1) }
    }

    private func result(of runs: [LatencyRun], _ promise: Promise, commitMs: Int64) -> Latency? {
        let curve = LatencyRun.percentiles.compactMap { percentile in
            Spread(runs.map { $0.milliseconds(at: percentile) })
                .map { Latency.Point(percentile: percentile, millis: $0) }
        }
        let middle = runs.sorted { $0.milliseconds(at: 99) < $1.milliseconds(at: 99) }[runs.count / 2]
        return Latency(
            guarantee: promise.rawValue,
            commitMillis: commitMs,
            recordsPerSecond: Double(LatencyBench.recordsPerSecond),
            records: Int(middle.records),
            curve: curve,
            cpuSeconds: middle.cpuSeconds,
            peakBytes: middle.peakBytes,
            commits: middle.commits,
            runs: runs.count
        )
    }
}
