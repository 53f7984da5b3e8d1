/// What to measure: `--records 2000000 --commit-ms 100 --sync 1 --repetitions 3 --directory .bench`.
struct BenchOptions {
    var directory = ".bench"
    var records: Int64 = 2_000_000
    var commitMs: Int64 = 100
    var sync = true
    var repetitions = 3

    init(_ arguments: some Sequence<String>) throws(BenchError) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            guard let value = rest.next() else { throw .missingValue(name) }
            switch name {
            case "--directory": directory = value
            case "--records": records = try Self.number(name, value)
            case "--commit-ms": commitMs = try Self.number(name, value)
            case "--sync": sync = try Self.number(name, value) != 0
            case "--repetitions": repetitions = Int(try Self.number(name, value))
            default: throw .unknownOption(name)
            }
        }
    }

    private static func number(_ name: String, _ value: String) throws(BenchError) -> Int64 {
        guard let number = Int64(value), number >= 0 else { throw .notANumber(name, value) }
        return number
    }
}

/// Why nothing was measured.
enum BenchError: Error, CustomStringConvertible {
    case missingValue(String)
    case unknownOption(String)
    case notANumber(String, String)
    case outputDiffers(String)

    var description: String {
        switch self {
        case .missingValue(let option): "\(option) needs a value"
        case .unknownOption(let option):
            "no option \(option); there are --directory, --records, --commit-ms, --sync and --repetitions"
        case .notANumber(let option, let value): "\(option) needs a whole number, 0 or more, not \(value)"
        case .outputDiffers(let workload): "\(workload): the files do not hold the records that were written"
        }
    }
}
