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
    if options.isWanted("growth") {
        var report = Report(in: environment)
        report.growth = try await GrowthBench(options).run()
        print("exactlyOnce, commits every 100 ms, one thread; median of \(options.repetitions) runs")
        print(Table.text(report.growth))
        try report.write(to: path)
    }
    if options.isWanted("memory") {
        var report = Report(in: environment)
        report.memory = [try await MemoryBench(options).run()]
        print("count of \(options.records * 20) records, exactlyOnce, commits every 100 ms, one thread; megabytes")
        print(Table.text(report.memory))
        try report.write(to: path)
    }
    let page = try Page.write(in: options.directory)
    print("written to \(path) and \(page)")
} catch {
    Resources.printError("millrace-bench: \(error)\n")
    Resources.exit(1)
}
