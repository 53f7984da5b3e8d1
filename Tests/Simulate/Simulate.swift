import ArgumentParser
import MillraceLogStorage
import MillraceSimulation
import Synchronization

/// `make simulate`: runs the simulation for as many seeds as asked.
@main struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs producers, transactions and groups on a simulated disk that fails, and checks every invariant.",
        discussion:
            "SEEDS is a number of seeds such as 1000, a range such as 5000..<6000 or 17...20, or one seed such as seed:17."
    )

    @Argument(help: "How many seeds, or which: 1000, 5000..<6000, 17...20, seed:17.") var seeds = "1000"
    @Option(help: "How many runs at a time.") var threads = 2
    @Option(help: "Break the engine on purpose: the bits of DeliberateFaults.") var breaking: UInt32 = 0
    @Option(help: "Begin no other run after so many failures.") var failures = 10
    @Option(help: "Let the disk forget files whose names begin so, though it says that they are durable.")
    var forgetting: String?
    @Flag(help: "Print what each step led to (for one seed).") var transcript = false

    func run() throws {
        let range = try parse()
        let sabotage = Sabotage(DeliberateFaults(rawValue: breaking), forgetting: forgetting)
        if transcript {
            let outcome = Campaign.replay(History(seed: range.lowerBound), sabotage: sabotage)
            for line in outcome.transcript { print(line) }
        }
        var limits = Campaign.Limits()
        limits.threadCount = threads
        limits.failureCountMax = failures
        let result = Campaign.run(range, sabotage: sabotage, limits: limits) { result in
            if result.runCount.isMultiple(of: 100) {
                print("\(result.runCount) of \(range.count) seeds, \(result.failures.count) failures")
            }
        }
        for failure in result.failures { print("\n\(failure)\nagain: make simulate SEEDS=seed:\(failure.seed)") }
        let done = result.statistics
        print(
            "\(done.steps) steps, \(done.batches) batches, \(done.commits) commits of loops, \(done.recoveries) crashes, "
                + "\(done.faults) times with faults, \(done.removedRecords) records and \(done.internalPasses) coordinators' logs compacted"
        )
        print("\(result.runCount) seeds, \(result.failures.count) failures")
        if !result.failures.isEmpty { throw ExitCode.failure }
    }

    private func parse() throws -> Range<UInt64> {
        if let range = Self.parse(seeds) { return range }
        throw ValidationError(
            "\"\(seeds)\" names no seeds; give a number such as 1000, a range such as 5000..<6000 or 17...20, or seed:17"
        )
    }

    private static func parse(_ text: String) -> Range<UInt64>? {
        if text.hasPrefix("seed:") {
            guard let seed = UInt64(text.dropFirst(5)), seed < .max else { return nil }
            return seed..<seed + 1
        }
        if let count = UInt64(text) { return count > 0 ? 0..<count : nil }
        guard let dot = text.firstIndex(of: "."), let first = UInt64(text[..<dot]) else { return nil }
        let rest = text[dot...]
        if rest.hasPrefix("..<"), let end = UInt64(rest.dropFirst(3)), first < end { return first..<end }
        if rest.hasPrefix("..."), let last = UInt64(rest.dropFirst(3)), first <= last, last < .max {
            return first..<last + 1
        }
        return nil
    }
}
