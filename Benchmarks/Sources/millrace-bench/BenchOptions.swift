/// What to measure: `--records 5000000 --commit-ms 100 --repetitions 5 --directory .bench --only pipe`.
struct BenchOptions {
    var directory = ".bench"
    var records: Int64 = 5_000_000
    var commitMs: Int64 = 100
    var repetitions = 5
    /// The one workload to measure; nil for all.
    var workload: Workload?
    /// The one promise to measure; nil for all.
    var promise: Promise?
    /// The one number of threads to measure; nil for one and two.
    var threads: Int?

    init(_ arguments: some Sequence<String>) throws(BenchError) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            guard let value = rest.next() else { throw .missingValue(name) }
            switch name {
            case "--directory": directory = value
            case "--records": records = try Self.number(name, value)
            case "--commit-ms": commitMs = try Self.number(name, value)
            case "--repetitions": repetitions = Int(try Self.number(name, value))
            case "--only":
                guard let chosen = Workload(rawValue: value) else { throw .unknownWorkload(value) }
                workload = chosen
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
}

/// Why nothing was measured.
enum BenchError: Error, CustomStringConvertible {
    case missingValue(String)
    case unknownOption(String)
    case unknownWorkload(String)
    case unknownPromise(String)
    case notANumber(String, String)
    case outputDiffers(String)
    case cannotWrite(String)

    var description: String {
        switch self {
        case .missingValue(let option): "\(option) needs a value"
        case .unknownOption(let option):
            "no option \(option); there are --directory, --records, --commit-ms, --repetitions, --only, --promise and "
                + "--threads"
        case .unknownWorkload(let name):
            "no workload \(name); there are \(Workload.allCases.map(\.rawValue).joined(separator: ", "))"
        case .unknownPromise(let name):
            "no promise \(name); there are \(Promise.allCases.map(\.rawValue).joined(separator: ", "))"
        case .notANumber(let option, let value): "\(option) needs a whole number, 1 or more, not \(value)"
        case .cannotWrite(let path): "cannot write \(path); is the disk full?"
        case .outputDiffers(let what): "\(what): the output does not hold the records that it should"
        }
    }
}
