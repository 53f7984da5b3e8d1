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

    @Test("transactions that time out one after the other stop the application in the end")
    func bounded() async throws {
        let time = ManualTime()
        let world = try await World(time: time)
        try await world.write([("a", "1")])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8)
            .peek(named: "slow") { _, _ in time.advance(by: .seconds(40)) }
            .to("out")
        let topology = try builder.build()
        await #expect(throws: StreamsError.self) {
            try await world.run(topology) {
                $0.transactionTimeout = .seconds(10)
                $0.taskTimeout = .seconds(100)
            }
        }
    }
}
