import Foundation

/// A program that runs to its end.
enum Program {
    struct Result {
        var status: Int32
        var output: String
        var errors: String
    }

    /// This repository.
    static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A program of this package, which the build puts beside the tests.
    static func built(_ name: String) -> URL {
        let tests = URL(filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "")
        return tests.deletingLastPathComponent().appending(path: name)
    }

    static func run(_ executable: URL, _ arguments: [String]) throws -> Result {
        let process = Process()
        let errors = try TemporaryFolder()
        let errorFile = errors.url.appending(path: "stderr")
        try Data().write(to: errorFile)
        let output = Pipe()
        process.executableURL = executable
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        // Copies of fixtures are synchronised again and again, which takes no time in memory.
        if FileManager.default.fileExists(atPath: "/dev/shm") {
            process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": "/dev/shm"]) { $1 }
        }
        process.standardOutput = output
        // To a file, since two pipes that are read one after the other can block the program.
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus,
            output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
        )
    }
}

/// A folder that goes with its owner.
final class TemporaryFolder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "millrace-compatibility-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        // What a failed removal leaves behind is the temporary directory's matter.
        try? FileManager.default.removeItem(at: url)
    }
}
