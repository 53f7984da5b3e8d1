import Foundation
import Logging
import Millrace
import Nexmark
import NexmarkBatch
import Testing

@Suite("NEXMark's queries", .serialized, .timeLimit(.minutes(5)))
struct QueryTests {
    @Test("Every query has a batch program")
    func batchPrograms() {
        #expect(batchQueries.map { $0.name } == nexmarkQueries.map { $0.name })
    }

    @Test("Every query's committed output is what the batch program says, with one thread and with two")
    func areAnswered() async throws {
        try await AuctionHouse.withRun { run in
            for query in batchQueries {
                let threads = ["q4", "q5", "q8", "q16"].contains(query.name) ? [1, 2] : [1]
                for threads in threads {
                    let comparison = try await AuctionHouse.check(query, threads: threads, run)
                    #expect(comparison.isEqual, "\(threads) threads, \(comparison)")
                    #expect(comparison.expectedCount > 0, "\(query.name)")
                }
            }
        }
    }

    @Test("A comparison tells what is missing and what should not be there, as often as it is")
    func comparing() {
        let comparison = Comparison(query: "q", expected: [1, 2, 2, 3], actual: [1, 2, 4, 4])
        #expect(comparison.missingCount == 2)
        #expect(comparison.unexpectedCount == 2)
        #expect(!comparison.isEqual)
        #expect(Comparison(query: "q", expected: [1, 2], actual: [2, 1]).isEqual)
    }
}

/// 10,000 events at 100 a second, so that windows of 10 seconds close and sessions end, on a broker of its own.
private enum AuctionHouse {
    static let count: Int64 = 10_000
    static let generator: Generator = {
        var settings = Generator.Settings()
        settings.eventsPerSecond = 100
        return Generator(settings)
    }()
    static let events = (0..<count).map { generator.event(at: $0) }

    static func withRun(_ body: (NexmarkRun) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "nexmark-\(UUID())")
        defer { try? FileManager.default.removeItem(at: directory) }
        var logger = Logger(label: "nexmark")
        logger.logLevel = .warning
        let broker = try await EmbeddedBroker.open(at: directory.path, logger: logger)
        defer { broker.close() }
        let run = try NexmarkRun(on: broker, logger: logger)
        try await run.prepare(count, of: generator)
        try await body(run)
    }

    static func check(_ query: any BatchQuery.Type, threads: Int, _ run: NexmarkRun) async throws -> Comparison {
        let id = "nexmark-\(query.name)-\(threads)"
        let configuration = NexmarkRun.configuration(threads: threads)
        try await run.application(query, id: id, configuration: configuration).runUntilCaughtUp()
        let comparison = try run.check(query, against: events)
        try await run.removeOutputs()
        return comparison
    }
}
