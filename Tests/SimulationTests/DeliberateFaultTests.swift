import MillraceLogStorage
import MillraceSimulation
import Testing

/// A simulation that finds nothing proves nothing: here the engine, or its disk, is broken on purpose, in one way at a time, and the
/// simulation must find it.
@Suite struct DeliberateFaultTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var sabotage: Sabotage
        /// The first seed that is tried: one shortly before one that finds it, where that takes many.
        var firstSeed: UInt64 = 0
        /// So many seeds are tried at most.
        var seedCountMax: UInt64 = 200

        init(_ name: String, _ fault: DeliberateFaults, from firstSeed: UInt64 = 0) {
            self.firstSeed = firstSeed
            testDescription = name
            sabotage = Sabotage(fault)
        }

        /// A disk that lies.
        init(forgetting files: String) {
            testDescription = "the disk forgets \(files)"
            sabotage = Sabotage(forgetting: files)
        }
    }

    static let faults = [
        Fault("a marker is skipped in one partition", .skipMarker),
        Fault("the decision is not made durable", .volatileDecision),
        Fault("the data are not made durable before the decision", .volatileData),
        Fault("the last stable offset is too high by one", .stableOffsetTooHigh),
        Fault("a partition forgets the fence of epochs", .forgetEpochFence),
        Fault("a new epoch is not made durable", .volatileEpoch),
        Fault("an opening forgets the producers", .forgetProducers),
        Fault("a transaction's positions are not fenced by generation", .forgetGeneration),
        Fault("the positions' marker is written first", .positionsFirst, from: 140),
        Fault("a transaction is complete before its markers", .completeFirst),
        Fault("recovery skips checksums", .skipChecksums),
        Fault("an aborted transaction is missing from the index", .forgetAborted),
        Fault("compaction drops markers that decide something", .dropMarkers),
        Fault("compaction goes beyond the last stable offset", .cleanUnstable),
        Fault("compaction removes decisions before their markers are durable", .volatileMarkers),
        Fault(forgetting: "producer-ids"),
        Fault(forgetting: "topics"),
    ]

    @Test("the simulation finds what is broken", arguments: faults) func finds(fault: Fault) throws {
        var limits = Campaign.Limits()
        limits.failureCountMax = 1
        limits.shrinkRunCountMax = 25
        let seeds = fault.firstSeed..<fault.firstSeed + fault.seedCountMax
        let result = Campaign.run(seeds, sabotage: fault.sabotage, limits: limits)
        let failure = try #require(result.failures.first, "not found with \(result.runCount) seeds")
        print("found that \(fault.testDescription): \(failure)")
    }
}
