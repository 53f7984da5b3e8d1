import MillraceSimulationKit
import Testing

@Suite("Manual time")
struct ManualTimeTests {
    @Test("time stands still until it is moved, and moves on both clocks")
    func advance() {
        let time = ManualTime(milliseconds: 1_000)
        #expect(time.milliseconds == 1_000)
        #expect(time.monotonicNanoseconds == 0)
        time.advance(by: .milliseconds(5))
        #expect(time.milliseconds == 1_005)
        #expect(time.monotonicNanoseconds == 5_000_000)
    }

    @Test("steps of less than a millisecond add up")
    func smallSteps() {
        let time = ManualTime(milliseconds: 0)
        for _ in 0..<4 { time.advance(by: .microseconds(500)) }
        #expect(time.milliseconds == 2)
    }

    @Test("the wall clock can be set back, and the monotonic clock does not notice")
    func stepBack() {
        let time = ManualTime(milliseconds: 1_000)
        time.advance(by: .seconds(1))
        time.setWallClock(milliseconds: 500)
        #expect(time.milliseconds == 500)
        #expect(time.monotonicNanoseconds == 1_000_000_000)
    }
}
