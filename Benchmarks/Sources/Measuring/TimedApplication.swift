import Millrace

extension StreamsApplication {
    /// Runs the application until `wait` returns, and times it from its start to the end of its last commit.
    package func timed(records: Int64, until wait: () async throws -> Void) async throws -> Sample {
        try await sample(records: records) {
            async let running: Void = run()
            try await wait()
            stop()
            try await running
        }
    }

    /// Runs the application until it has processed all that there is, and times it to the end of its last commit.
    package func timedUntilCaughtUp(records: Int64) async throws -> Sample {
        try await sample(records: records) { try await runUntilCaughtUp() }
    }

    private func sample(records: Int64, _ running: () async throws -> Void) async throws -> Sample {
        Resources.resetPeak()
        let cpu = Resources.cpuSeconds
        let clock = ContinuousClock()
        let start = clock.now
        try await running()
        return Sample(
            seconds: (clock.now - start).inSeconds,
            cpuSeconds: Resources.cpuSeconds - cpu,
            peakBytes: Resources.peakBytes,
            commits: progress.commits,
            records: Int(records)
        )
    }

    /// Runs the application until it is ready to process, its stores filled, and times that; then stops it.
    package func timedUntilRunning() async throws -> Sample {
        Resources.resetPeak()
        let cpu = Resources.cpuSeconds
        let clock = ContinuousClock()
        let start = clock.now
        async let running: Void = run()
        while state == .created || state == .rebalancing { try await Task.sleep(for: .milliseconds(1)) }
        let sample = Sample(
            seconds: (clock.now - start).inSeconds,
            cpuSeconds: Resources.cpuSeconds - cpu,
            peakBytes: Resources.peakBytes,
            commits: 0,
            records: progress.recordsRestored
        )
        stop()
        try await running
        return sample
    }

    /// Waits until so many records are processed, or the application has failed.
    package func waitUntilProcessed(_ records: Int64) async throws {
        while progress.recordsProcessed < records, state != .error {
            try await Task.sleep(for: .milliseconds(1))
        }
    }
}

extension Duration {
    /// As a number of seconds.
    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
