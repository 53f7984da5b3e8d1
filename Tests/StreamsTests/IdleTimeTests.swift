import Testing

@testable import MillraceStreamsRuntime

@Suite("The course of time without records")
struct IdleTimeTests {
    private func source(
        _ idleAfterMs: Int64?,
        at timeMs: Int64,
        silentSince silentSinceMs: Int64,
        hasMore: Bool = false
    ) -> IdleTime.Source {
        IdleTime.Source(idleAfterMs: idleAfterMs, timeMs: timeMs, silentSinceMs: silentSinceMs, hasMore: hasMore)
    }

    @Test("a silent source's time goes on from its last timestamp once its pause is over")
    func goesOn() {
        let source = source(30, at: 1_000, silentSince: 5)
        #expect(IdleTime.streamTimeMs(of: [source], wallClockMs: 34) == nil)
        #expect(IdleTime.streamTimeMs(of: [source], wallClockMs: 35) == 1_000)
        #expect(IdleTime.streamTimeMs(of: [source], wallClockMs: 135) == 1_100)
    }

    @Test("without a pause, or without any record yet, time stands still")
    func standsStill() {
        #expect(IdleTime.streamTimeMs(of: [source(nil, at: 5, silentSince: 0)], wallClockMs: 1_000) == nil)
        #expect(IdleTime.streamTimeMs(of: [source(30, at: -1, silentSince: 0)], wallClockMs: 1_000) == nil)
        #expect(IdleTime.streamTimeMs(of: [], wallClockMs: 1_000) == nil)
    }

    @Test("nothing is overtaken that waits to be processed or fetched")
    func waits() {
        let sources = [source(30, at: 100, silentSince: 0), source(nil, at: 50, silentSince: 0, hasMore: true)]
        #expect(IdleTime.streamTimeMs(of: sources, wallClockMs: 1_000) == nil)
    }

    @Test("a source that had a record within its pause holds the time back to its own")
    func holdsBack() {
        let silent = source(30, at: 100, silentSince: 0)
        #expect(IdleTime.streamTimeMs(of: [silent, source(30, at: 120, silentSince: 990)], wallClockMs: 1_000) == 120)
        #expect(IdleTime.streamTimeMs(of: [silent, source(nil, at: 120, silentSince: 990)], wallClockMs: 1_000) == 120)
        #expect(
            IdleTime.streamTimeMs(of: [silent, source(nil, at: -1, silentSince: 990)], wallClockMs: 1_000) == 1_070
        )
    }

    @Test("a source without a pause neither drives nor holds back when it has been silent for the longest one")
    func letsGo() {
        let silent = source(30, at: 100, silentSince: 0)
        #expect(
            IdleTime.streamTimeMs(of: [silent, source(nil, at: 50, silentSince: 970)], wallClockMs: 1_000) == 1_070
        )
    }

    @Test("steps are a second, less for short pauses, more after a long silence")
    func steps() {
        #expect(IdleTime.stepMs(of: [source(30_000, at: 0, silentSince: 0)], wallClockMs: 31_000) == 1_000)
        #expect(IdleTime.stepMs(of: [source(200, at: 0, silentSince: 0)], wallClockMs: 300) == 20)
        #expect(IdleTime.stepMs(of: [source(30_000, at: 0, silentSince: 0)], wallClockMs: 3_630_000) == 180_000)
    }
}
