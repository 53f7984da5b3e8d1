import ArgumentParser
import Foundation
import Logging
import MillraceLogEngine
import SystemPackage

/// Which data directory a command is about.
struct DataDirectoryOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The data directory; without it, that of MILLRACE_DATA.")
    var data: String?

    /// The directory's path.
    func path() throws -> FilePath {
        guard let data = data ?? ProcessInfo.processInfo.environment["MILLRACE_DATA"], !data.isEmpty else {
            throw ValidationError("Which data directory? Name it with --data DIR, or in MILLRACE_DATA.")
        }
        return FilePath(data)
    }

    /// Opens the directory to look at it as it is now; an application may go on using it.
    func observe() throws -> EmbeddedBroker {
        var logger = Logger(label: "millrace") { StreamLogHandler.standardError(label: $0) }
        // What an opening would repair is no news to somebody who only looks; `verify` tells it.
        logger.logLevel = .error
        return try EmbeddedBroker.observe(try path(), logger: logger)
    }

    /// Takes the directory to change something in it.
    func open(creating: Bool = false) async throws -> EmbeddedBroker {
        let path = try path()
        guard creating || FileManager.default.fileExists(atPath: path.string) else {
            throw CommandFailure("there is no directory \(path); check --data, or make one with --create")
        }
        var logger = Logger(label: "millrace") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        return try await EmbeddedBroker.open(at: path.string, logger: logger)
    }
}

/// Whether a command answers people or programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Answer in JSON.")
    var json = false
}

/// Why a command cannot do what it was asked.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
