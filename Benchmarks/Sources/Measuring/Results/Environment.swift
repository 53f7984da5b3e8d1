import Foundation

/// The machine that something was measured on, and what was measured there.
package struct Environment: Codable, Hashable, Sendable {
    /// When the session began, by which its entries name it.
    package var date: String
    /// The commit of Millrace, with `-dirty` if it was changed.
    package var commit: String
    package var processor: String
    package var cores: Int
    package var memoryBytes: UInt64
    package var system: String
    package var kernel: String
    package var fileSystem: String
    package var compiler: String

    package init(
        date: String,
        commit: String,
        processor: String,
        cores: Int,
        memoryBytes: UInt64,
        system: String,
        kernel: String,
        fileSystem: String,
        compiler: String
    ) {
        self.date = date
        self.commit = commit
        self.processor = processor
        self.cores = cores
        self.memoryBytes = memoryBytes
        self.system = system
        self.kernel = kernel
        self.fileSystem = fileSystem
        self.compiler = compiler
    }

    /// This machine, now, with results in a directory.
    package static func current(directory: String) -> Environment {
        let process = ProcessInfo.processInfo
        return Environment(
            date: ISO8601DateFormatter().string(from: Date()),
            commit: output(of: ["git", "describe", "--always", "--dirty", "--abbrev=9"]) ?? "unknown",
            processor: processor,
            cores: process.activeProcessorCount,
            memoryBytes: process.physicalMemory,
            system: process.operatingSystemVersionString,
            kernel: output(of: ["uname", "-sr"]) ?? "unknown",
            fileSystem: output(of: ["stat", "--file-system", "--format", "%T", directory]) ?? "unknown",
            compiler: compiler
        )
    }

    private static var processor: String {
        let description = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        return description.split(separator: "\n").first { $0.hasPrefix("model name") }
            .flatMap { $0.split(separator: ":").last }
            .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    }

    /// The compiler at hand, with which `make bench` has just built.
    private static var compiler: String {
        let words = output(of: ["swift", "--version"])?.split(whereSeparator: \.isWhitespace) ?? []
        guard let place = words.firstIndex(of: "version"), words.indices.contains(place + 1) else { return "Swift" }
        return "Swift \(words[place + 1])"
    }

    /// The first line that a command prints; nil if there is no such command, or it fails.
    private static func output(of command: [String]) -> String? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { return nil }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }
}
