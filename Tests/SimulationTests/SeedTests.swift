import MillraceSimulation
import MillraceSimulationKit
import Testing

@Suite struct SeedTests {
    @Test("whatever the order of requests, faults and crashes, the invariants hold") func seeds() {
        let result = Campaign.run(0..<200)
        for failure in result.failures { Issue.record(Comment(rawValue: "\(failure)")) }
        #expect(result.runCount == 200)
        // A run that does nothing would break nothing.
        #expect(result.statistics.commits > 200 && result.statistics.recoveries > 400)
        #expect(result.statistics.removedRecords > 200 && result.statistics.internalPasses > 200)
        print("simulation: \(result.statistics)")
    }

    @Test("one seed replays one run, byte for byte", arguments: Seed.sequence(12)) func replay(seed: Seed) {
        let history = History(seed: seed.value)
        #expect(history == History(seed: seed.value))
        let (first, second) = (Campaign.replay(history), Campaign.replay(history))
        #expect(first.transcript == second.transcript)
        #expect(first.historyDigest == second.historyDigest)
        #expect(first.diskDigest == second.diskDigest)
    }

    @Test("other seeds are other runs") func others() {
        let digests = (0..<12).map { Campaign.replay(History(seed: $0)).historyDigest }
        #expect(Set(digests).count == digests.count)
    }
}
