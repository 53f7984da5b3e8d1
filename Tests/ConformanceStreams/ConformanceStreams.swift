import Foundation

/// Runs every recorded case under a path and compares what Millrace makes of it with what Kafka Streams did:
/// `make conformance-streams DIR=path`.
@main
struct ConformanceStreams {
    static func main() {
        guard CommandLine.arguments.count == 2, let path = CommandLine.arguments.last else {
            fail("usage: conformance-streams <folder with cases, or one case>")
        }
        let files = ConformanceCase.files(under: path)
        guard !files.isEmpty else { fail("there is no case under \(path)") }
        var tally = Tally()
        for file in files { tally.add(Outcome(of: file)) }
        tally.finish()
        exit(tally.failed == 0 ? 0 : 1)
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("conformance-streams: \(message)\n".utf8))
        exit(2)
    }
}

/// What came of one case.
struct Outcome: Sendable {
    enum Result: Sendable {
        case passed
        case differs([Difference])
        /// The DSL has no word for something yet.
        case notThereYet(String)
    }

    var name: String
    var topology: String
    /// Whether the case pins down what one may call a defect of the reference.
    var isQuirk = false
    var result: Result

    /// Runs the case of a file.
    init(of file: URL) {
        name = file.deletingPathExtension().lastPathComponent
        topology = file.deletingLastPathComponent().lastPathComponent
        do {
            let recorded = try ConformanceCase(contentsOf: file)
            name = recorded.name
            topology = recorded.topology
            isQuirk = recorded.quirk != nil
            let differences = try CaseRun(recorded).differences()
            result = differences.isEmpty ? .passed : .differs(differences)
        } catch let missing as NotThereYet {
            result = .notThereYet(missing.what)
        } catch {
            result = .differs([Difference(place: "running", expected: "no error", got: "\(error)")])
        }
    }
}

/// Counts outcomes, case by case and topology by topology, and prints them.
struct Tally {
    private(set) var passed = 0
    private(set) var failed = 0
    private var quirks = (passed: 0, failed: 0)
    private var topologies: [String: (passed: Int, failed: Int)] = [:]
    private var missing: [String: Int] = [:]

    mutating func add(_ outcome: Outcome) {
        switch outcome.result {
        case .passed:
            count(outcome, isPassed: true)
        case .differs(let differences):
            for difference in differences { print("\(outcome.name): \(difference)") }
            print("FAILED \(outcome.name), \(differences.count) differences\(outcome.isQuirk ? " (quirk)" : "")")
            count(outcome, isPassed: false)
        case .notThereYet(let what):
            missing[what, default: 0] += 1
            if outcome.isQuirk { quirks.failed += 1 } else { failed += 1 }
        }
    }

    private mutating func count(_ outcome: Outcome, isPassed: Bool) {
        if isPassed { topologies[outcome.topology, default: (0, 0)].passed += 1 }
        if !isPassed { topologies[outcome.topology, default: (0, 0)].failed += 1 }
        switch (outcome.isQuirk, isPassed) {
        case (false, true): passed += 1
        case (false, false): failed += 1
        case (true, true): quirks.passed += 1
        case (true, false): quirks.failed += 1
        }
    }

    func finish() {
        for (name, count) in topologies.sorted(by: { $0.key < $1.key }) {
            print("\(name): \(count.passed) passed, \(count.failed) failed")
        }
        for (what, count) in missing.sorted(by: { $0.key < $1.key }) {
            print("not there yet: \(what) (\(count) cases)")
        }
        if quirks.passed + quirks.failed > 0 {
            print("of Kafka Streams' quirks, counted apart: \(quirks.passed) passed, \(quirks.failed) failed")
        }
        print("\(passed) passed, \(failed) failed")
    }
}
