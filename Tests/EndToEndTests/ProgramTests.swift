import Foundation
import Testing

@Suite("The word count as a program")
struct ProgramTests {
    private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try WordCountProcess(arguments).wait()
    }

    private func temporaryDirectory() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "millrace-program-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    @Test("run again, it says what was done before and counts only what is new", .timeLimit(.minutes(2)))
    func runAgain() throws {
        let directory = try temporaryDirectory()
        let input = directory.appending(path: "input.txt")
        let data = directory.appending(path: "data").path
        try Data("To be or not to be\nthat is the question\n".utf8).write(to: input)
        let first = try run(["--data", data, input.path])
        #expect(first.status == 0)
        #expect(first.output.contains("Imported now     2 lines"), "\(first.output)")
        #expect(first.output.contains("Counted in all   10 words, 8 different ones"), "\(first.output)")

        let second = try run(["--data", data, input.path])
        #expect(second.output.contains("Already there    2 lines"), "\(second.output)")
        #expect(second.output.contains("Imported now     0 lines"), "\(second.output)")

        let handle = try FileHandle(forWritingTo: input)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("Be that as it may\n".utf8))
        try handle.close()
        let third = try run(["--data", data, input.path])
        #expect(third.output.contains("Imported now     1 lines"), "\(third.output)")
        #expect(third.output.contains("  3  be"), "\(third.output)")
        #expect(third.output.contains("Counted in all   15 words, 11 different ones"), "\(third.output)")
        try FileManager.default.removeItem(at: directory)
    }

    @Test("interrupted, it commits and ends in order", .timeLimit(.minutes(2)))
    func interrupted() throws {
        let directory = try temporaryDirectory()
        let input = directory.appending(path: "input.txt")
        try Data(String(repeating: "the quick brown fox jumps over the lazy dog\n", count: 100_000).utf8).write(
            to: input
        )
        let arguments = ["--data", directory.appending(path: "data").path, input.path]
        let process = try WordCountProcess(arguments)
        // The application has begun when it has made its internal topics.
        let sign = directory.appending(path: "data/word-count-word-counts-changelog-0").path
        while process.isRunning, !FileManager.default.fileExists(atPath: sign) { Thread.sleep(forTimeInterval: 0.01) }
        Thread.sleep(forTimeInterval: 0.2)
        process.interrupt()
        let (status, output) = try process.wait()
        #expect(status == 0, "\(output)")
        #expect(output.contains("Data directory"), "it ends with a summary: \(output)")
        let again = try run(arguments)
        #expect(again.output.contains("Counted in all   900 000 words, 8 different ones"), "\(again.output)")
        try FileManager.default.removeItem(at: directory)
    }

    @Test("a missing input is named, and nothing is begun")
    func missingInput() throws {
        let directory = try temporaryDirectory()
        let data = directory.appending(path: "data").path
        let result = try run(["--data", data, "/no/such/file"])
        #expect(result.status != 0)
        #expect(!FileManager.default.fileExists(atPath: data))
        try FileManager.default.removeItem(at: directory)
    }
}
