import Measuring
import NexmarkBatch

do {
    let options = try NexmarkOptions(CommandLine.arguments.dropFirst())
    var session = try await NexmarkSession(options)
    if options.checks {
        let comparisons = try await session.check()
        guard comparisons.allSatisfy({ $0.isEqual }) else {
            throw OptionError("the output is not what the batch program says")
        }
    } else {
        let outcomes = try await session.measure()
        print(
            "NEXMark, \(options.events) events in 4 partitions, exactlyOnce, commits on the disk; "
                + "median of \(options.repetitions) runs, after one that is not counted"
        )
        print(Table(outcomes).text())
        let path = options.directory + "/nexmark.json"
        var report = Report(in: .current(directory: options.directory))
        report.measurements = outcomes.compactMap(Throughput.init)
        try report.write(to: path)
        let page = try Page.write(in: options.directory)
        print("written to \(path) and \(page)")
    }
} catch {
    Resources.printError("nexmark-bench: \(error)\n")
    Resources.exit(1)
}
