import CFloor
import Measuring
import Workloads

/// The same work as a workload of the framework, by hand in C on one core.
struct Floor {
    let directory: String
    let records: Int64
    /// How many lines `wordcount` has; 0 if it is not run.
    let lines: Int64

    /// Writes the input, which is not timed.
    func generate() throws {
        try withSettings(commitMs: 100) { settings in _ = try floor_generate(settings).checked("the floor's input") }
    }

    /// Runs a workload once over the generated input, with fdatasync at each commit.
    func run(_ workload: Workload, commitMs: Int64) throws -> Sample {
        try withSettings(commitMs: commitMs) { settings in
            let result =
                switch workload {
                case .pipe: floor_pipe(settings)
                case .count: floor_count(settings)
                case .window: floor_window(settings)
                case .join: floor_join(settings)
                case .wordcount: floor_wordcount(settings)
                }
            _ = try result.checked("the floor of \(workload.rawValue)")
            var stored: Int64 = 0
            for output in workload.floorOutputs {
                stored += try floor_check(settings, output).checked(output).records
            }
            guard stored == result.records_out else { throw BenchError.outputDiffers("floor \(workload.rawValue)") }
            return Sample(
                seconds: result.seconds,
                cpuSeconds: result.cpu_seconds,
                peakBytes: 0,
                commits: Int(result.commits),
                records: Int(result.records)
            )
        }
    }

    private func withSettings<Result>(commitMs: Int64, _ body: (floor_settings) throws -> Result) throws -> Result {
        try directory.withCString { directory in
            try body(
                floor_settings(
                    directory: directory,
                    records: records,
                    lines: lines,
                    partitions: 4,
                    commit_ms: commitMs,
                    sync: 1,
                    seed: 0x9e37_79b9_7f4a_7c15
                )
            )
        }
    }
}

extension Workload {
    /// The logs that the floor writes.
    fileprivate var floorOutputs: [String] {
        switch self {
        case .pipe: ["pipe"]
        case .count: ["changelog", "count"]
        case .window: ["window-changelog", "window"]
        case .join: ["join"]
        case .wordcount: ["repartition", "wordcount-changelog", "wordcount"]
        }
    }
}

/// The floor did not run.
struct FloorError: Error, CustomStringConvertible {
    var what: String
    /// The operating system's error number.
    var number: Int32

    var description: String { "\(what): error \(number)" }
}

extension floor_result {
    func checked(_ what: String) throws(FloorError) -> floor_result {
        if error != 0 { throw FloorError(what: what, number: error) }
        return self
    }
}
