import CFloor
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Runs each workload of the floor: once to warm the memory up, which on a fresh machine takes longer than the run
/// itself, then as often as asked, and prints the fastest.
func measureFloor(_ options: BenchOptions) throws {
    mkdir(options.directory, 0o755)
    try options.directory.withCString { directory in
        let settings = floor_settings(
            directory: directory,
            records: options.records,
            partitions: 4,
            commit_ms: options.commitMs,
            sync: options.sync ? 1 : 0,
            seed: 0x9e37_79b9_7f4a_7c15
        )
        _ = try floor_generate(settings).checked("the input")
        for workload in FloorWorkload.allCases {
            var best = try workload.run(settings)
            for _ in 0..<options.repetitions {
                let result = try workload.run(settings)
                if result.seconds < best.seconds { best = result }
            }
            var checked: Int64 = 0
            for output in workload.outputs { checked += try floor_check(settings, output).checked(output).records }
            guard checked == best.records_out else { throw BenchError.outputDiffers(workload.rawValue) }
            print("floor  \(workload.rawValue)  \(summary(best))")
        }
    }
}

/// One line about a run.
func summary(_ result: floor_result) -> String {
    let perSecond = Int64(Double(result.records) / max(result.seconds, 1e-9))
    let milliseconds = Int64(result.seconds * 1_000)
    let processor = Int64(result.cpu_seconds * 1_000)
    return "\(perSecond) records/s  \(milliseconds) ms  \(processor) ms of processor  \(result.commits) commits"
        + "  \(result.bytes_out) bytes out"
}

do {
    try measureFloor(BenchOptions(CommandLine.arguments.dropFirst()))
} catch {
    "millrace-bench: \(error)\n".withCString { text in _ = write(STDERR_FILENO, text, strlen(text)) }
    exit(1)
}
