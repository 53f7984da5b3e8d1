import Foundation
import KafkaFixtures
import Testing

/// kafka-python, in the environment that `scripts/prepare-python` makes.
enum KafkaPython {
    /// What it saw in a partition's files.
    struct Seen: Decodable {
        var batches: [KafkaObservation.Batch]
        var records: [KafkaObservation.Record]
    }

    private static let environment = Program.repository.appending(path: ".build/python")
    private static let here = Program.repository.appending(path: "Tests/CompatibilityTests")

    /// Whether the environment was made, and for what is required now.
    static var isThere: Bool {
        let wanted = try? Data(contentsOf: here.appending(path: "requirements.txt"))
        let made = try? Data(contentsOf: environment.appending(path: "requirements.txt"))
        return wanted != nil && wanted == made
    }

    static func read(_ directory: URL) throws -> Seen {
        let script = here.appending(path: "read_partition.py").path
        let result = try Program.run(environment.appending(path: "bin/python"), [script, directory.path])
        try #require(result.status == 0, "kafka-python failed: \(result.errors)")
        return try JSONDecoder().decode(Seen.self, from: Data(result.output.utf8))
    }
}
