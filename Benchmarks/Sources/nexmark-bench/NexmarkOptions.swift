import Nexmark

/// What to run: `--events 1000000 --queries q0,q5 --threads 1 --repetitions 3 --check true --directory .bench`.
struct NexmarkOptions {
    var directory = ".bench"
    var events: Int64 = 1_000_000
    var queries = nexmarkQueries
    /// Numbers of threads, one measurement each.
    var threads = [1]
    var repetitions = 3
    /// Whether the output is compared with the batch program's, rather than the time measured.
    var checks = false

    init(_ arguments: some Sequence<String>) throws(OptionError) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            if name == "--check" {
                checks = true
                continue
            }
            guard let value = rest.next() else { throw OptionError("\(name) needs a value") }
            switch name {
            case "--directory": directory = value
            case "--events": events = Int64(try Self.number(name, value))
            case "--threads":
                threads = []
                for part in value.split(separator: ",") { threads.append(try Self.number(name, String(part))) }
            case "--repetitions": repetitions = try Self.number(name, value)
            case "--queries":
                queries = []
                for chosen in value.split(separator: ",") { queries.append(try Self.query(String(chosen))) }
            default:
                throw OptionError(
                    "no option \(name); there are --directory, --events, --queries, --threads, --repetitions, --check"
                )
            }
        }
    }

    private static func number(_ name: String, _ value: String) throws(OptionError) -> Int {
        guard let number = Int(value), number > 0 else {
            throw OptionError("\(name) needs a whole number, 1 or more, not \(value)")
        }
        return number
    }

    private static func query(_ name: String) throws(OptionError) -> any NexmarkQuery.Type {
        guard let query = nexmarkQueries.first(where: { $0.name == name }) else {
            throw OptionError("no query \(name); there are \(nexmarkQueries.map { $0.name }.joined(separator: ", "))")
        }
        return query
    }
}

/// Why nothing was run.
struct OptionError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
