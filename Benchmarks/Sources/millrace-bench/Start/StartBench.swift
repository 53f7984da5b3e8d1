import Foundation
import Measuring

/// Times the start of applications with 1,000 input partitions, each in a process of its own, after a clean stop and after
/// a crash of the process before. What the broker reads is in the page cache.
struct StartBench {
    private let directory: String
    private let repetitions: Int

    init(_ options: BenchOptions) {
        directory = options.directory + "/start"
        repetitions = options.repetitions
    }

    func run() throws -> [Start] {
        try StartKind.allCases.flatMap { kind in
            Resources.printError("start, \(kind.rawValue)\n")
            let runs = try run(kind)
            return StartAfter.allCases.compactMap { after in result(of: runs[after] ?? [], kind, after) }
        }
    }

    private func result(of runs: [StartRun], _ kind: StartKind, _ after: StartAfter) -> Start? {
        let sorted = runs.sorted { $0.runningMillis < $1.runningMillis }
        guard let open = Spread(runs.map(\.openMillis)), let running = Spread(runs.map(\.runningMillis)),
            let first = Spread(runs.map(\.firstRecordMillis))
        else { return nil }
        let middle = sorted[sorted.count / 2]
        return Start(
            kind: kind.rawValue,
            after: after.rawValue,
            partitions: middle.partitions,
            openMillis: open,
            runningMillis: running,
            firstRecordMillis: first,
            cpuSeconds: middle.cpuSeconds,
            peakBytes: middle.peakBytes,
            runs: runs.count
        )
    }

    /// Runs that follow one another on one data directory, ended by turns by a stop and by a crash.
    private func run(_ kind: StartKind) throws -> [StartAfter: [StartRun]] {
        try? FileManager.default.removeItem(atPath: directory)
        _ = try run(.prepare, kind)
        var runs: [StartAfter: [StartRun]] = [:]
        for _ in 0..<repetitions {
            Resources.levelGround()
            runs[.stop, default: []].append(try run(.startThenCrash, kind))
            Resources.levelGround()
            runs[.crash, default: []].append(try run(.startThenStop, kind))
        }
        try? FileManager.default.removeItem(atPath: directory)
        return runs
    }

    private func run(_ work: StartProcess.Work, _ kind: StartKind) throws -> StartRun {
        let process = Process()
        process.executableURL = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        process.arguments = ["--start-process", work.rawValue, kind.rawValue, directory]
        let output = Pipe()
        process.standardOutput = output
        // Held open as long as this process lives.
        let input = Pipe()
        process.standardInput = input
        try process.run()
        let result = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try input.fileHandleForWriting.close()
        let isKilled = process.terminationReason == .uncaughtSignal
        guard isKilled == (work == .startThenCrash), isKilled || process.terminationStatus == 0 else {
            throw BenchError.outputDiffers("start: the process ended with \(process.terminationStatus)")
        }
        return try JSONDecoder().decode(StartRun.self, from: result)
    }
}
