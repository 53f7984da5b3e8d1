import MillraceLogStorage
import MillraceSimulation
import Testing

@Suite struct ShrinkerTests {
    @Test("what is shrunk is shorter, and fails by itself in the same way") func shrinks() throws {
        var limits = Campaign.Limits()
        limits.failureCountMax = 1
        let result = Campaign.run(0..<50, sabotage: Sabotage(.forgetAborted), limits: limits)
        let failure = try #require(result.failures.first)
        #expect(failure.shrunk.steps.count < failure.stepCount)
        let again = Campaign.replay(failure.shrunk, sabotage: Sabotage(.forgetAborted))
        #expect(again.violation == failure.shrunkViolation)
        #expect(Campaign.replay(failure.shrunk).violation == nil, "the history fails without the fault, too")
    }
}
