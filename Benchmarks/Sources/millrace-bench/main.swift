import Measuring

do {
    let options = try BenchOptions(CommandLine.arguments.dropFirst())
    var session = try await Session(options)
    let outcomes = try await session.run()
    print(
        "\(options.records) records, 4 partitions, commits on the disk; median of \(options.repetitions) runs, "
            + "after one that is not counted"
    )
    print(Table(outcomes).text())
    let path = options.directory + "/latest.json"
    try Report(outcomes, records: options.records).write(to: path)
    print("written to \(path)")
} catch {
    Resources.printError("millrace-bench: \(error)\n")
    Resources.exit(1)
}
