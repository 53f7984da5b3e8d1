import Measuring
import Millrace
import Workloads

/// Measures everything, warm-up first, then round by round so that all measurements see the same machine.
struct Session {
    let options: BenchOptions
    private let bench: FrameworkBench
    private let engine: EngineBench
    private let floor: Floor
    private var number = 0

    /// Writes the input.
    init(_ options: BenchOptions) async throws {
        self.options = options
        Resources.makeDirectory(options.directory)
        let floorDirectory = options.directory + "/floor"
        Resources.makeDirectory(floorDirectory)
        floor = Floor(directory: floorDirectory, records: options.records)
        bench = try await FrameworkBench(directory: options.directory + "/broker", records: options.records)
        engine = EngineBench(bench: bench, directory: options.directory)
        Resources.printError("writing the input: \(options.records) records\n")
        var inputs: [Input: Int64] = [.records: options.records]
        for measurement in options.measurements {
            guard case .application(let workload) = measurement.subject else { continue }
            for input in workload.inputs(records: options.records) { inputs[input.input] = input.records }
        }
        for (input, records) in inputs { try await bench.prepare(input, records: records) }
        try floor.generate()
    }

    /// Runs everything; the first round is not counted.
    mutating func run() async throws -> [Outcome] {
        let measurements = options.measurements
        var samples: [Measurement: Samples] = [:]
        for round in 0...options.repetitions {
            Resources.printError(round == 0 ? "warming up\n" : "round \(round) of \(options.repetitions)\n")
            // Each round begins with another one, because what ran before leaves its traces in the page cache.
            for measurement in measurements.indices.map({ measurements[($0 + round) % measurements.count] }) {
                Resources.levelGround()
                let sample = try await run(measurement)
                if round > 0 { samples[measurement, default: Samples()].all.append(sample) }
            }
        }
        bench.broker.close()
        return measurements.map { measurement in
            var floor: Sample?
            if case .application(let workload) = measurement.subject {
                floor = samples[Measurement(subject: .floor(workload), commitMs: 100)]?.median
            } else if measurement.isFloor {
                floor = samples[measurement]?.median
            }
            return Outcome(
                workload: measurement.workload,
                guarantee: measurement.guarantee,
                threads: measurement.threads,
                commitMs: measurement.commitMs,
                samples: samples[measurement] ?? Samples(),
                floor: floor
            )
        }
    }

    private mutating func run(_ measurement: Measurement) async throws -> Sample {
        number += 1
        switch measurement.subject {
        case .floor(let workload): return try floor.run(workload, commitMs: measurement.commitMs)
        case .application(let workload): return try await bench.run(workload, measurement, number: number)
        case .engine(let workload): return try await engine.run(workload)
        case .restore: return try await bench.restore(number: number)
        }
    }
}
