import Logging
import Measuring

do {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if let process = StartProcess(arguments) {
        try await process.run()
        Resources.exit(0)
    }
    let options = try BenchOptions(arguments)
    Resources.makeDirectory(options.directory)
    let path = options.directory + "/latest.json"
    let environment = Environment.current(directory: options.directory)

    if !options.measurements.isEmpty {
        var session = try await Session(options)
        let outcomes = try await session.run()
        print(
            "\(options.records) records, 4 partitions, commits on the disk; median of \(options.repetitions) runs, "
                + "after one that is not counted"
        )
        print(Table(outcomes).text())
        var report = Report(in: environment)
        report.measurements = outcomes.compactMap(Throughput.init)
        try report.write(to: path)
    }
    if options.isWanted("latency") {
        let session = LatencySession(options)
        var report = Report(in: environment)
        report.latencies = try await session.run()
        print(
            "\(LatencyBench.recordsPerSecond) records/s for \(options.seconds) s; milliseconds, median of "
                + "\(session.repetitions) runs"
        )
        print(Table.text(report.latencies))
        try report.write(to: path)
    }
    if options.isWanted("start") {
        var report = Report(in: environment)
        report.starts = try StartBench(options).run()
        print("\(StartProcess.partitions) input partitions; milliseconds, median of \(options.repetitions) runs")
        print(Table.text(report.starts))
        try report.write(to: path)
    }
    print("written to \(path)")
} catch {
    Resources.printError("millrace-bench: \(error)\n")
    Resources.exit(1)
}
