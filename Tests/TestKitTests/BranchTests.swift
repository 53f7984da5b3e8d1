import Millrace
import MillraceTestKit
import Testing

@Suite("Branches with functions")
struct BranchTests {
    @Test("A branch gives what its function makes of it, or is taken to its end and not in the result")
    func functions() throws {
        var names: [String] = []
        let driven = try Driven { builder in
            let branches = builder.stream("in", keys: .utf8, values: .utf8)
                .split(named: "by-key")
                .branch("a", { key, _ in key == "a" }, applying: { $0.mapValues { "made \($0)" } })
                .branch(
                    "b",
                    { key, _ in key == "b" },
                    into: { $0.mapValues { "taken \($0)" }.to("out", values: .utf8) }
                )
                .branch("c") { key, _ in key == "c" }
                .defaultBranch("rest", applying: { $0.filter { key, _ in key == "d" } })
            names = branches.names
            branches["a"].merge([branches["c"], branches["rest"]]).to("out", values: .utf8)
        }
        #expect(names == ["a", "c", "rest"])
        #expect(
            try driven.updates(("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("e", "5"))
                == ["a=made 1", "b=taken 2", "c=3", "d=4"]
        )
    }

    @Test("A branch that was taken to its end cannot be asked for")
    func consumed() throws {
        let builder = StreamsBuilder()
        let branches = builder.stream("in", keys: .utf8, values: .utf8)
            .split(named: "by-key")
            .branch("a", { _, _ in true }, into: { $0.to("out") })
            .defaultBranch("rest", into: { $0.to("other") })
        branches["rest"].to("third")
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        #expect(error?.mistakes == [.unknownBranch(operator: "by-key", branch: "rest", known: [])])
    }
}
