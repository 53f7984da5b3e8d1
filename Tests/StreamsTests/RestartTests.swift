import Millrace
import MillraceSimulationKit
import Testing

@testable import MillraceStreamsRuntime

@Suite("Beginning again", .short)
struct RestartTests {
    private static let second: Int64 = 1_000_000_000

    @Test("the pauses before a thread begins again grow up to five seconds")
    func growingPauses() {
        var pacing = RestartPacing()
        let pauses = (0..<12).map { _ in pacing.didFail(hasAdvanced: false, now: 0).pause }
        #expect(pauses.prefix(4) == [.milliseconds(10), .milliseconds(20), .milliseconds(40), .milliseconds(80)])
        #expect(pauses.last == .seconds(5))
    }

    @Test("who has got anywhere since the last failure begins to count anew")
    func progressing() {
        var pacing = RestartPacing()
        _ = pacing.didFail(hasAdvanced: false, now: 0)
        #expect(pacing.didFail(hasAdvanced: false, now: 7 * Self.second).failingFor == .seconds(7))
        let after = pacing.didFail(hasAdvanced: true, now: 9 * Self.second)
        #expect(after.failingFor == .zero)
        #expect(after.pause == .milliseconds(10))
        #expect(pacing.didFail(hasAdvanced: false, now: 10 * Self.second).failingFor == .seconds(1))
    }

    @Test("a thread that is fenced again and again stops the application in the end")
    func bounded() async throws {
        let time = ManualTime()
        let world = try await World(time: time)
        try await world.write([("a", "1")])
        let broker = world.broker
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .peek { _, _ in
                time.advance(by: .seconds(5))
                // Another owner of the thread's transactional id: what the thread does is lost.
                var settings = ProducerSettings()
                settings.transactionalId = "\(World.applicationId)-0-0"
                let other = try broker.connectProducer(settings)
                try other.initTransactions()
                other.close()
            }
            .to("out")
        let topology = try builder.build()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(topology) { $0.taskTimeout = .seconds(12) }
        }
        guard case .log(let reason) = error else {
            Issue.record("it stopped with \(String(describing: error))")
            return
        }
        #expect(reason.isFenced)
        #expect(try await world.texts() == [])
    }
}
