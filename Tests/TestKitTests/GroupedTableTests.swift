import Millrace
import MillraceStreams
import MillraceTestKit
import Testing

/// Aggregations of tables grouped by another key.
struct GroupedTableTests {
    private static func driven(
        _ aggregate: @escaping (KGroupedTable<String, String>) -> KTable<String, String>
    ) throws -> Driven {
        try Driven { builder in
            aggregate(
                builder.table("in", keys: .utf8, values: .utf8).groupBy(keys: .utf8, values: .utf8) { key, value in
                    value == "-" ? nil : (String(value.prefix(1)), key)
                }
            ).toStream().to("out", values: .utf8)
        }
    }

    /// Adds a row's key to a text and takes it out again.
    private static func members(_ grouped: KGroupedTable<String, String>) -> KTable<String, String> {
        grouped.aggregate(
            initial: { "" },
            aggregates: .utf8,
            store: "members",
            adder: { _, member, all in "\(all)+\(member)" },
            subtractor: { _, member, all in "\(all)-\(member)" }
        )
    }

    @Test("A row that goes to another group is taken from the old one, then added to the new one")
    func moves() throws {
        let driven = try Self.driven(Self.members)
        #expect(try driven.updates(("a", "g1"), ("b", "g1"), ("a", "h1")) == ["g=+a", "g=+a+b", "g=+a+b-a", "h=+a"])
    }

    @Test("A row that stays in its group changes it once")
    func stays() throws {
        let driven = try Self.driven(Self.members)
        #expect(try driven.updates(("a", "g1"), ("a", "g2")) == ["g=+a", "g=+a-a+a"])
    }

    @Test("A row without a group is left out, and taken from the group that it had")
    func leaves() throws {
        let driven = try Self.driven(Self.members)
        #expect(try driven.updates(("a", "-"), ("a", "g1"), ("a", "-"), ("a", nil)) == ["g=+a", "g=+a-a"])
    }

    @Test("Rows of a group are counted down as they are counted up")
    func counts() throws {
        let driven = try Self.driven { grouped in
            grouped.count(store: "counts").mapValues { "\($0)" }
        }
        #expect(
            try driven.updates(("a", "g"), ("b", "g"), ("a", nil), ("b", "h")) == ["g=1", "g=2", "g=1", "g=0", "h=1"]
        )
    }

    @Test("A reduction begins with the first value, and nil removes the group")
    func reduces() throws {
        let driven = try Self.driven { grouped in
            grouped.reduce(
                store: "reduced",
                adder: { $0 + $1 },
                subtractor: { all, member in all == member ? nil : all.filter { !member.contains($0) } }
            )
        }
        #expect(try driven.updates(("a", "g"), ("b", "g"), ("a", nil), ("b", nil)) == ["g=a", "g=ab", "g=b", "g=nil"])
        #expect(try driven.rows(of: "reduced").isEmpty)
    }

    @Test("All aggregations of one grouping share a repartition topic, named after it")
    func shares() throws {
        let builder = StreamsBuilder()
        let grouped = builder.table("in", keys: .utf8, values: .utf8)
            .groupBy(keys: .utf8, values: .utf8, named: "by-value") { key, value in (value, key) }
        grouped.count(store: "counts").toStream().to("counts", values: .int64)
        grouped.reduce(store: "all", adder: { $0 + $1 }, subtractor: { left, _ in left }).toStream().to(
            "all",
            values: .utf8
        )
        let parts = try builder.build().graph.subtopologies()
        #expect(parts.flatMap(\.sinkTopics).map(\.name) == ["by-value-repartition", "counts", "all"])
        #expect(parts.map(\.stores) == [["in-table"], ["all", "counts"]])
    }

    @Test("Groups follow their rows across partitions and a crash")
    func crash() throws {
        let driven = try Self.driven(Self.members)
        #expect(try driven.updates(("a", "g1"), ("b", "g1")) == ["g=+a", "g=+a+b"])
        try driven.driver.crash()
        #expect(try driven.updates(("a", "h1")) == ["g=+a+b-a", "h=+a"])
    }

    @Test(
        "An update travels with both of its values",
        arguments: [
            (Change(new: "ab", old: "c"), [0, 0, 0, 2, 97, 98, 99, 2] as [UInt8]),
            (Change(new: "ab", old: nil), [97, 98, 1]),
            (Change(new: nil, old: "c"), [99, 0]),
            (Change(new: "", old: ""), [0, 0, 0, 0, 2]),
        ]
    )
    func encodes(change: Change<String>, bytes: [UInt8]) throws {
        #expect(try Serde.utf8.changes.bytes(of: change) == bytes)
        #expect(try Serde.utf8.changes.value(of: bytes) == change)
    }

    @Test("An update that is cut off is not read", arguments: [[], [7], [0, 0, 2], [0, 0, 0, 9, 97, 2]] as [[UInt8]])
    func isCutOff(bytes: [UInt8]) {
        #expect(throws: SerdeError.self) { try Serde<String>.utf8.changes.value(of: bytes) }
    }
}
