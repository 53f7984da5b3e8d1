import Foundation
import Testing

@testable import conformance_streams

/// A few of the cases that `make conformance-streams` runs: what Kafka Streams was seen to do.
struct ConformanceTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "ConformanceStreams/Cases")

    @Test("A topology writes what Kafka Streams wrote", arguments: ConformanceCase.files(under: folder.path))
    func agrees(_ file: URL) throws {
        let outcome = Outcome(of: file)
        switch outcome.result {
        case .passed: break
        case .differs(let differences):
            Issue.record("\(outcome.name): \(differences.map(\.description).joined(separator: "; "))")
        case .notThereYet(let what):
            Issue.record("\(outcome.name): the DSL cannot say \(what)")
        }
    }

    @Test("The cases are found")
    func findsTheCases() {
        #expect(ConformanceCase.files(under: Self.folder.path).count >= 16)
    }
}
