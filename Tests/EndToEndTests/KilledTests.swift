import Foundation
import Millrace
import MillraceSimulationKit
import Testing

// Goal: a word count that is killed at any moment loses nothing and doubles nothing. Method: the real program runs over a
// real file, is ended by SIGKILL at random moments and started again; then a consumer reads what it has written.
@Suite("Killed, not stopped", .serialized)
struct KilledTests {
    static let kills = 20
    static let lines = 200_000

    @Test("exactly once: every count of every word is there once, in order", .timeLimit(.minutes(10)))
    func exactlyOnce() async throws {
        let seed = Seed.sequence(1)[0]
        let run = try KilledRun(seed: seed, guarantee: "exactlyOnce", lines: Self.lines)
        try run.killRepeatedly(times: Self.kills)
        try run.finish()
        let result = try await WordCountResult(reading: run.data)
        for (word, expected) in run.text.counts {
            let counts = result.history[word] ?? []
            let firstWrong = zip(counts, 1...).first { $0 != $1 }
            #expect(
                firstWrong == nil && Int64(counts.count) == expected,
                """
                \(seed): \"\(word)\" is \(expected) times in the input; its counts are \(counts.count), the first out of \
                order is \(firstWrong.map { "\($0.0) where \($0.1) comes next" } ?? "none")
                """
            )
        }
        #expect(result.history.count == run.text.counts.count, "\(seed): there are words that the input has not")
        for (partition, end) in result.inputEnds {
            #expect(
                result.committed[partition]?.offset == end,
                "\(seed): \(partition) ends at \(end), committed is another"
            )
        }
        try run.remove()
    }

    @Test("at least once: repeats may show, loss may not", .timeLimit(.minutes(10)))
    func atLeastOnce() async throws {
        let seed = Seed.sequence(1)[0]
        let run = try KilledRun(seed: seed, guarantee: "atLeastOnce", lines: Self.lines / 4)
        try run.killRepeatedly(times: Self.kills / 4)
        try run.finish()
        let result = try await WordCountResult(reading: run.data)
        for (word, expected) in run.text.counts {
            let last = result.history[word]?.last ?? 0
            #expect(
                last >= expected,
                "\(seed): \"\(word)\" is \(expected) times in the input and was counted \(last) times"
            )
        }
        try run.remove()
    }
}

/// A word count that is killed again and again.
struct KilledRun {
    let directory: URL
    let text: GeneratedText
    private let arguments: [String]
    private let seed: Seed

    var data: URL { directory.appending(path: "data") }

    init(seed: Seed, guarantee: String, lines: Int) throws {
        self.seed = seed
        print("seed \(seed.value)")
        var random = seed.random
        directory = FileManager.default.temporaryDirectory.appending(path: "millrace-killed-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        text = try GeneratedText(
            at: directory.appending(path: "input.txt"),
            lines: lines,
            wordsPerLine: 3,
            vocabulary: 2_000,
            random: &random
        )
        arguments = [
            "--data", directory.appending(path: "data").path, "--guarantee", guarantee, "--no-cache",
            "--commit-interval", "20", text.url.path,
        ]
    }

    /// Starts the program and kills it, at random moments of its life, until it was killed this often while it ran.
    func killRepeatedly(times: Int) throws {
        var random = SeededRandom(seed: seed.value &+ 1)
        var kills = 0
        while kills < times {
            let process = try WordCountProcess(arguments)
            let milliseconds = Int.random(in: 20...600, using: &random)
            Thread.sleep(forTimeInterval: Double(milliseconds) / 1_000)
            if process.isRunning {
                process.kill()
                kills += 1
            } else {
                // All work was done before the moment came: what is left is to be killed while starting.
                let (status, output) = try process.wait()
                try #require(status == 0, "\(seed): the program failed: \(output)")
                let early = try WordCountProcess(arguments)
                Thread.sleep(forTimeInterval: 0.02)
                early.kill()
                kills += 1
            }
        }
    }

    /// Lets the program run to its end.
    func finish() throws {
        let (status, output) = try WordCountProcess(arguments).wait()
        try #require(status == 0, "\(seed): the last run failed with \(status): \(output)")
    }

    func remove() throws {
        try FileManager.default.removeItem(at: directory)
    }
}
