import Foundation
import KafkaFixtures

/// Opens every partition directory under a path that has Kafka's observations beside it, and compares what this log makes
/// of it with what Kafka saw: `make conformance-log DIR=path`.
@main
struct ConformanceLog {
    static func main() {
        guard CommandLine.arguments.count == 2, let path = CommandLine.arguments.last else {
            fail("usage: conformance-log <folder with partition directories, and <directory>.json beside each>")
        }
        let root = URL(filePath: path).standardizedFileURL
        let names: [String]
        do {
            names = try KafkaFixture.names(in: root)
        } catch {
            fail("\(path) cannot be listed: \(error)")
        }
        guard !names.isEmpty else { fail("there is no directory under \(path) with a .json of its name beside it") }
        var failed = 0
        for name in names {
            let differences = differences(name, in: root)
            for difference in differences { print("\(name): \(difference)") }
            print(differences.isEmpty ? "passed \(name)" : "FAILED \(name), \(differences.count) differences")
            if !differences.isEmpty { failed += 1 }
        }
        print("\(names.count - failed) passed, \(failed) failed")
        exit(failed == 0 ? 0 : 1)
    }

    private static func differences(_ name: String, in root: URL) -> [Difference] {
        do {
            let fixture = try KafkaFixture(name, in: root)
            return try PartitionComparison.ways(for: fixture).flatMap { try PartitionComparison(fixture, $0).run() }
        } catch {
            return [Difference("comparing", expected: "no error", got: "\(error)")]
        }
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("conformance-log: \(message)\n".utf8))
        exit(2)
    }
}
