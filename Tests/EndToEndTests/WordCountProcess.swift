import Foundation

/// The word count as a process of its own, as a user starts it.
final class WordCountProcess {
    private let process = Process()
    private let output = Pipe()

    /// The program, which the build puts beside the tests.
    static let executable: URL = {
        let tests = URL(filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "")
        return tests.deletingLastPathComponent().appending(path: "word-count")
    }()

    init(_ arguments: [String]) throws {
        process.executableURL = Self.executable
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    var isRunning: Bool { process.isRunning }

    /// Ends it as a power switch would end a program: nothing of it runs any more.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Asks it to stop, as Ctrl-C does.
    func interrupt() {
        Foundation.kill(process.processIdentifier, SIGINT)
    }

    /// Waits for its end; its exit status and what it printed.
    func wait() throws -> (status: Int32, output: String) {
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }
}
