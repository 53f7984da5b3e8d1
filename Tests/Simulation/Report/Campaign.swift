import MillraceLogStorage
import MillracePrimitives
import Synchronization

/// A history whose run broke an invariant, with the smallest one found that breaks it too.
package struct Failure: Sendable, CustomStringConvertible {
    package var seed: UInt64
    package var violation: Violation
    package var stepCount: Int
    package var shrunk: History
    package var shrunkViolation: Violation

    package var description: String {
        """
        seed \(seed), after \(stepCount) steps: \(violation)
        shrunk to \(shrunk.steps.count) steps: \(shrunkViolation)
        \(shrunk)
        """
    }
}

/// Runs many histories, several at a time: runs share nothing.
package enum Campaign {
    /// What came of them.
    package struct Result: Sendable {
        package var runCount = 0
        package var failures: [Failure] = []
        package var statistics = Statistics()
    }

    /// Bounds of the work.
    package struct Limits: Sendable {
        /// How many runs at a time.
        package var threadCount = 2
        /// After so many failures, no other run is begun.
        package var failureCountMax = 10
        /// So many runs may be spent on shrinking each failure.
        package var shrinkRunCountMax = 400

        package init() {}
    }

    /// Runs the histories of a range of seeds.
    ///
    /// - Parameters:
    ///   - sabotage: what is broken on purpose.
    ///   - progress: called after each run, from any thread, one at a time.
    package static func run(
        _ seeds: Range<UInt64>,
        sabotage: Sabotage = Sabotage(),
        limits: Limits = Limits(),
        progress: @escaping @Sendable (Result) -> Void = { _ in }
    ) -> Result {
        run(seeds.count, sabotage, limits, progress) { History(seed: seeds.lowerBound + UInt64($0)) }
    }

    /// Runs histories.
    package static func run(_ histories: [History], limits: Limits = Limits()) -> Result {
        run(histories.count, Sabotage(), limits, { _ in }, { histories[$0] })
    }

    /// Runs one history once.
    package static func replay(_ history: History, sabotage: Sabotage = Sabotage()) -> Outcome {
        Simulation.run(history, sabotage: sabotage)
    }

    private static func run(
        _ count: Int,
        _ sabotage: Sabotage,
        _ limits: Limits,
        _ progress: @escaping @Sendable (Result) -> Void,
        _ history: @escaping @Sendable (Int) -> History
    ) -> Result {
        let runner = Runner(count: count, failureCountMax: limits.failureCountMax, progress: progress) { number in
            run(history(number), sabotage, limits)
        }
        runner.run(threadCount: limits.threadCount)
        return runner.result
    }

    private static func run(
        _ history: History,
        _ sabotage: Sabotage,
        _ limits: Limits
    ) -> (outcome: Outcome, failure: Failure?) {
        let outcome = Simulation.run(history, sabotage: sabotage)
        guard let violation = outcome.violation else { return (outcome, nil) }
        let failing = History(seed: history.seed, steps: Array(history.steps.prefix(outcome.stepCount)))
        let shrunk = Shrinker.shrink(
            failing,
            violation,
            sabotage: sabotage,
            runCountMax: limits.shrinkRunCountMax
        )
        let failure = Failure(
            seed: history.seed,
            violation: violation,
            stepCount: outcome.stepCount,
            shrunk: shrunk.history,
            shrunkViolation: shrunk.violation
        )
        return (outcome, failure)
    }
}

/// Hands out runs to the threads that do them.
private final class Runner: Sendable {
    private struct State {
        var next = 0
        var result = Campaign.Result()
    }

    private let count: Int
    private let failureCountMax: Int
    private let progress: @Sendable (Campaign.Result) -> Void
    private let runOne: @Sendable (Int) -> (outcome: Outcome, failure: Failure?)
    private let state = Mutex(State())

    init(
        count: Int,
        failureCountMax: Int,
        progress: @escaping @Sendable (Campaign.Result) -> Void,
        runOne: @escaping @Sendable (Int) -> (outcome: Outcome, failure: Failure?)
    ) {
        self.count = count
        self.failureCountMax = failureCountMax
        self.progress = progress
        self.runOne = runOne
    }

    var result: Campaign.Result {
        var result = state.withLock { $0.result }
        result.failures.sort { $0.seed < $1.seed }
        return result
    }

    func run(threadCount: Int) {
        let threads = (1..<max(threadCount, 1)).map { number in
            PlatformThread.start(name: "simulation-\(number)") { self.work() }
        }
        work()
        for thread in threads { thread.join() }
    }

    private func work() {
        while let number = next() {
            let (outcome, failure) = runOne(number)
            state.withLock { state in
                state.result.runCount += 1
                state.result.statistics = state.result.statistics + outcome.statistics
                if let failure { state.result.failures.append(failure) }
                progress(state.result)
            }
        }
    }

    private func next() -> Int? {
        state.withLock { state in
            guard state.next < count, state.result.failures.count < failureCountMax else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }
}
