import Foundation
import Logging
import Millrace
import MillraceTestKit
import ServiceLifecycle
import Testing
import UnixSignals

/// The code of the manual's first pages, run.
struct GettingStartedManual {
    // snippet: getting-started-topology
    func averages() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("readings", keys: .utf8, values: .float64)
            .filter { _, celsius in celsius > -273.15 }
            .groupByKey()
            .aggregate(initial: { Mean() }, aggregates: .mean, store: "means") { _, celsius, mean in
                mean.adding(celsius)
            }
            .toStream()
            .mapValues { mean in mean?.value }
            .to("means", values: .float64)
        return try builder.build()
    }
    // snippet.end

    func run(in directory: String) async throws {
        // snippet: getting-started-run
        let broker = try await EmbeddedBroker.open(at: directory)
        let admin = try Admin(on: broker)
        try await admin.createTopicIfMissing(NewTopic("readings", partitions: 4))
        try await admin.createTopicIfMissing(NewTopic("means", partitions: 4))

        let application = StreamsApplication(id: "averages", topology: try averages(), on: broker)
        try await application.run()
        // snippet.end
        broker.close()
    }

    @Test("The first topology runs on a broker in a directory, until its task is cancelled")
    func running() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)").path
        defer { removeItem(directory) }
        let task = Task { try await run(in: directory) }
        task.cancel()
        try await task.value
    }

    func serve(in directory: String, beside server: any Service) async throws {
        let broker = try await EmbeddedBroker.open(at: directory)
        defer { broker.close() }
        // snippet: service-group
        let application = StreamsApplication(id: "averages", topology: try averages(), on: broker)
        let group = ServiceGroup(
            services: [server, application],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "averages")
        )
        try await group.run()
        // snippet.end
    }

    private func removeItem(_ path: String) {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record("could not remove \(path): \(error)")
        }
    }

    @Test("The first test passes, also after a crash")
    func testing() throws {
        // snippet: testing-driver
        let driver = try TopologyTestDriver(try averages(), partitions: ["readings": 2])
        let readings = driver.input("readings", keys: .utf8, values: .float64)
        let means = driver.output("means", keys: .utf8, values: .float64)

        try readings.pipe("cellar", 10, at: 1_000)
        try readings.pipe("cellar", 20, at: 2_000)
        #expect(try means.readAll().map(\.value) == [10, 15])
        // snippet.end
        // snippet: testing-crash
        try readings.pipe("cellar", 30, at: 3_000)
        try driver.crash()
        try readings.pipe("cellar", 40, at: 4_000)
        #expect(try means.readAll().last?.value == 25)
        // snippet.end
    }
}

/// A sum and a count.
struct Mean: Hashable, Sendable {
    var sum = 0.0
    var count: Int64 = 0

    var value: Double { sum / Double(count) }

    func adding(_ number: Double) -> Mean { Mean(sum: sum + number, count: count + 1) }
}

extension Serde where Value == Mean {
    static var mean: Serde<Mean> {
        Serde(
            encode: { mean, writer in
                writer.append(mean.sum.bitPattern)
                writer.append(mean.count)
            },
            decode: { bytes in
                guard bytes.byteCount == 16 else { throw SerdeError.wrongSize(expected: 16, actual: bytes.byteCount) }
                let sum = Double(bitPattern: UInt64(bigEndian: bytes.unsafeLoadUnaligned(as: UInt64.self)))
                let count = Int64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: Int64.self))
                return Mean(sum: sum, count: count)
            }
        )
    }
}
