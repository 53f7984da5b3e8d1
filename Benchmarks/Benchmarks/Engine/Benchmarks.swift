import Benchmark

/// Micro-benchmarks of the engine's parts: `make bench-engine`.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = Benchmark.Configuration(
        metrics: [.wallClock, .cpuTotal, .throughput],
        warmupIterations: 10,
        maxDuration: .seconds(2),
        maxIterations: 100_000
    )
    formatBenchmarks()
    logBenchmarks()
}
