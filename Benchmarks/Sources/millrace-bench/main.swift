import Millrace

/// Measures everything, warm-up first, then round by round so that all measurements see the same machine.
func measure(_ options: BenchOptions) async throws {
    Resources.makeDirectory(options.directory)
    let floorDirectory = options.directory + "/floor"
    Resources.makeDirectory(floorDirectory)
    let floor = Floor(directory: floorDirectory, records: options.records, commitMs: options.commitMs)
    Resources.printError("writing the input: \(options.records) records\n")
    try floor.generate()
    let bench = try await FrameworkBench(directory: options.directory + "/broker", records: options.records)
    try await bench.generate()

    let workloads = options.workload.map { [$0] } ?? Workload.allCases
    var floors: [Workload: Samples] = [:]
    var measured: [Measurement: Samples] = [:]
    let engine = EngineBench(bench: bench, directory: options.directory)
    let engineWorkloads = options.workload == nil ? EngineWorkload.allCases : []
    var engineSamples: [EngineWorkload: Samples] = [:]
    let measurements = workloads.flatMap { workload in
        (options.threads.map { [$0] } ?? [1, 2]).flatMap { threads in
            (options.promise.map { [$0] } ?? Promise.allCases).map {
                Measurement(workload: workload, promise: $0, threads: threads)
            }
        }
    }
    var number = 0
    for round in 0...options.repetitions {
        let isWarmUp = round == 0
        Resources.printError(isWarmUp ? "warming up\n" : "round \(round) of \(options.repetitions)\n")
        for workload in workloads {
            Resources.writeBack()
            let sample = try floor.run(workload)
            if !isWarmUp { floors[workload, default: Samples()].all.append(sample) }
        }
        for workload in engineWorkloads {
            Resources.writeBack()
            let sample = try await engine.run(workload)
            if !isWarmUp { engineSamples[workload, default: Samples()].all.append(sample) }
        }
        // Each round begins with another one, because what ran before leaves its traces in the page cache.
        for measurement in measurements.indices.map({ measurements[($0 + round) % measurements.count] }) {
            number += 1
            Resources.writeBack()
            let sample = try await bench.run(
                measurement.workload,
                measurement.promise,
                threads: measurement.threads,
                commitMs: options.commitMs,
                number: number
            )
            if !isWarmUp { measured[measurement, default: Samples()].all.append(sample) }
        }
    }
    bench.broker.close()

    var table = Table()
    for workload in engineWorkloads {
        let samples = engineSamples[workload] ?? Samples()
        table.rows.append(
            Table.Row(workload: workload.rawValue, promise: "", threads: "1", samples: samples, floor: Samples())
        )
    }
    for workload in workloads {
        let floor = floors[workload] ?? Samples()
        table.rows.append(
            Table.Row(workload: workload.rawValue, promise: "floor in C", threads: "1", samples: floor, floor: floor)
        )
        for measurement in measurements where measurement.workload == workload {
            table.rows.append(
                Table.Row(
                    workload: workload.rawValue,
                    promise: measurement.promise.rawValue,
                    threads: "\(measurement.threads)",
                    samples: measured[measurement] ?? Samples(),
                    floor: floor
                )
            )
        }
    }
    print(
        "\(options.records) records of 108 bytes in 4 partitions; a commit every \(options.commitMs) ms, on the disk; "
            + "median of \(options.repetitions) runs"
    )
    print(table.text())
}

struct Measurement: Hashable {
    var workload: Workload
    var promise: Promise
    var threads: Int
}

do {
    try await measure(BenchOptions(CommandLine.arguments.dropFirst()))
} catch {
    Resources.printError("millrace-bench: \(error)\n")
    Resources.exit(1)
}
