import Foundation

/// One run of the program `millrace`, as a user starts it.
struct CommandRun {
    var status: Int32
    var output: String
    var errors: String

    /// The program, which the build puts beside the tests.
    private static let executable: URL = {
        let tests = URL(filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "")
        return tests.deletingLastPathComponent().appending(path: "millrace")
    }()

    init(_ arguments: String..., data: URL? = nil, input: String = "") throws {
        try self.init(arguments: arguments, data: data, input: input)
    }

    init(_ command: String, arguments: [String], data: URL) throws {
        try self.init(arguments: [command] + arguments, data: data, input: "")
    }

    private init(arguments: [String], data: URL?, input: String) throws {
        let process = Process()
        process.executableURL = Self.executable
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["MILLRACE_DATA"] = data?.path
        process.environment = environment
        let (standardInput, standardOutput, standardError) = (Pipe(), Pipe(), Pipe())
        process.standardInput = standardInput
        process.standardOutput = standardOutput
        process.standardError = standardError
        try process.run()
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        output = String(decoding: try standardOutput.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        errors = String(decoding: try standardError.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        status = process.terminationStatus
    }

    /// The output's lines.
    var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: true).map(String.init) }

    /// The output's lines, each a JSON object.
    func objects() throws -> [[String: Any]] {
        try lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
    }
}

/// A directory that goes away with the value.
final class TemporaryDirectory {
    let url = FileManager.default.temporaryDirectory.appending(path: "millrace-command-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    /// A file in the directory.
    func file(_ path: String) -> URL { url.appending(path: path) }

    /// Changes the bytes of a file.
    func change(_ path: String, _ body: (inout Data) -> Void) throws {
        var data = try Data(contentsOf: file(path))
        body(&data)
        try data.write(to: file(path))
    }
}
