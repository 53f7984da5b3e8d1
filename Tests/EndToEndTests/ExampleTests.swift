import Foundation
import MillraceSimulationKit
import Testing

// Goal: each example gives the result that was recorded for it, whatever happens to it on the way. Method: the real
// programs run straight through, are killed at random commits and started again, and are stopped and continued with
// another number of threads.
@Suite("The examples", .serialized)
struct ExampleTests {
    static let names = [
        "page-views", "fraud-detection", "ticket-booking", "trending-items", "sensor-cleaning", "slow-enrichment",
    ]

    @Test("run straight through", .timeLimit(.minutes(3)), arguments: names)
    func straight(name: String) throws {
        let run = try ExampleRun(name)
        try run.expectResult(threads: 2)
        try run.remove()
    }

    @Test("killed at random commits, and started again", .timeLimit(.minutes(3)), arguments: names)
    func killed(name: String) throws {
        let seed = Seed.sequence(1)[0]
        print("seed \(seed.value)")
        var random = seed.random
        let run = try ExampleRun(name)
        for _ in 0..<6 {
            let process = try run.start(threads: 2)
            process.awaitCommits(Int.random(in: 1...30, using: &random))
            process.kill()
        }
        try run.expectResult(threads: 2, "\(seed)")
        try run.remove()
    }

    @Test("stopped, and continued with another number of threads", .timeLimit(.minutes(3)), arguments: names)
    func continued(name: String) throws {
        let run = try ExampleRun(name)
        for threads in [1, 3, 2] {
            let process = try run.start(threads: threads)
            process.awaitCommits(25)
            process.terminate()
            let (status, output) = try process.wait()
            try #require(status == 0, "\(name) with \(threads) threads ended with \(status): \(output)")
        }
        try run.expectResult(threads: 4)
        try run.remove()
    }
}

/// An example with a data directory of its own.
private struct ExampleRun {
    let name: String
    let directory: URL

    init(_ name: String) throws {
        self.name = name
        directory = FileManager.default.temporaryDirectory.appending(path: "millrace-\(name)-\(UUID().uuidString)")
    }

    func start(threads: Int) throws -> ExampleProcess {
        try ExampleProcess(
            name,
            ["--data", directory.path, "--threads", "\(threads)", "--commit-interval", "20", "--show-commits"]
        )
    }

    /// Lets the program run to its end, and compares what it prints with what was recorded.
    func expectResult(threads: Int, _ comment: String = "") throws {
        let (status, output) = try start(threads: threads).wait()
        try #require(status == 0, "\(name) ended with \(status): \(output) \(comment)")
        let recorded = try String(contentsOf: Self.results.appending(path: "\(name).txt"), encoding: .utf8)
        #expect(output == recorded, "\(name) prints another result than Examples/Results/\(name).txt \(comment)")
    }

    func remove() throws {
        try FileManager.default.removeItem(at: directory)
    }

    private static let results = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../Examples/Results"
    )
}

/// An example as a process of its own.
private final class ExampleProcess {
    private let process = Process()
    private let output = Pipe()
    private let notes = Pipe()

    init(_ name: String, _ arguments: [String]) throws {
        process.executableURL = WordCountProcess.executable.deletingLastPathComponent().appending(path: name)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = notes
        try process.run()
    }

    /// Waits until it has told of so many commits, or ended.
    func awaitCommits(_ count: Int) {
        var seen = 0
        while seen < count {
            let data = notes.fileHandleForReading.availableData
            if data.isEmpty { return }
            seen += data.count { $0 == UInt8(ascii: "\n") }
        }
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func terminate() { process.terminate() }

    /// Waits for its end; its exit status and what it printed.
    func wait() throws -> (status: Int32, output: String) {
        // What it still has to say must not hold it up.
        notes.fileHandleForReading.readabilityHandler = { if $0.availableData.isEmpty { $0.readabilityHandler = nil } }
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }
}
