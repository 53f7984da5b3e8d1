import Workloads

/// What to measure: `--records 5000000 --commit-ms 100,10,1 --repetitions 5 --directory .bench --only pipe,count`.
struct BenchOptions {
    var directory = ".bench"
    var records: Int64 = 5_000_000
    var commitMs: [Int64] = [100, 10, 1]
    var repetitions = 5
    /// How long `latency` takes the time in a run, in seconds.
    var seconds: Int64 = 20
    /// Names of workloads; nil for all.
    var workloads: Set<String>?
    /// The one promise to measure; nil for all.
    var promise: Promise?
    /// The one number of threads to measure; nil for one and two.
    var threads: Int?

    static let names =
        Workload.allCases.map(\.rawValue) + EngineWorkload.allCases.map(\.rawValue) + ["restore", "latency", "start"]

    init(_ arguments: some Sequence<String>) throws(BenchError) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            if name == "--quick" {
                beQuick()
                continue
            }
            guard let value = rest.next() else { throw .missingValue(name) }
            switch name {
            case "--directory": directory = value
            case "--records": records = try Self.number(name, value)
            case "--commit-ms":
                commitMs = []
                for part in value.split(separator: ",") { commitMs.append(try Self.number(name, String(part))) }
            case "--repetitions": repetitions = Int(try Self.number(name, value))
            case "--seconds": seconds = try Self.number(name, value)
            case "--only":
                let chosen = value.split(separator: ",").map(String.init)
                for name in chosen where !Self.names.contains(name) { throw .unknownWorkload(name) }
                workloads = Set(chosen)
            case "--promise":
                guard let chosen = Promise(rawValue: value) else { throw .unknownPromise(value) }
                promise = chosen
            case "--threads": threads = Int(try Self.number(name, value))
            default: throw .unknownOption(name)
            }
        }
    }

    private static func number(_ name: String, _ value: String) throws(BenchError) -> Int64 {
        guard let number = Int64(value), number > 0 else { throw .notANumber(name, value) }
        return number
    }

    /// A look at everything in a few minutes; options that follow say it in more detail.
    private mutating func beQuick() {
        records = 1_000_000
        repetitions = 1
        seconds = 4
    }

    func isWanted(_ name: String) -> Bool { workloads?.contains(name) ?? true }

    /// Everything that is to be measured.
    var measurements: [Measurement] {
        var all = EngineWorkload.allCases.filter { isWanted($0.rawValue) }.map { Measurement(subject: .engine($0)) }
        for workload in Workload.allCases where isWanted(workload.rawValue) {
            if Floor.has(workload) { all.append(Measurement(subject: .floor(workload), commitMs: 100)) }
            for threads in threads.map({ [$0] }) ?? [1, 2] {
                for promise in promise.map({ [$0] }) ?? Promise.allCases {
                    for commitMs in promise == .none ? [0] : commitMs {
                        all.append(
                            Measurement(
                                subject: .application(workload),
                                promise: promise,
                                threads: threads,
                                commitMs: commitMs
                            )
                        )
                    }
                }
            }
        }
        if isWanted("restore") { all.append(Measurement(subject: .restore)) }
        return all
    }
}

/// Why nothing was measured.
enum BenchError: Error, CustomStringConvertible {
    case missingValue(String)
    case unknownOption(String)
    case unknownWorkload(String)
    case unknownPromise(String)
    case notANumber(String, String)
    case outputDiffers(String)

    var description: String {
        switch self {
        case .missingValue(let option): "\(option) needs a value"
        case .unknownOption(let option):
            "no option \(option); there are --directory, --records, --commit-ms, --repetitions, --only, --promise, "
                + "--threads, --seconds and --quick"
        case .unknownWorkload(let name):
            "no workload \(name); there are \(BenchOptions.names.joined(separator: ", "))"
        case .unknownPromise(let name):
            "no promise \(name); there are \(Promise.allCases.map(\.rawValue).joined(separator: ", "))"
        case .notANumber(let option, let value): "\(option) needs a whole number, 1 or more, not \(value)"
        case .outputDiffers(let what): "\(what): the output does not hold the records that it should"
        }
    }
}
