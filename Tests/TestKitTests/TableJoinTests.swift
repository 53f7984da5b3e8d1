import Millrace
import MillraceTestKit
import Testing

/// Joins of two tables.
struct TableJoinTests {
    private typealias Table = KTable<String, String>

    private static func driven(
        cacheMaximumBytes: Int = 0,
        commitMode: TopologyTestDriver.CommitMode = .afterEveryRecord,
        _ join: (Table, Table) -> Table
    ) throws -> Driven {
        try Driven(cacheMaximumBytes: cacheMaximumBytes, commitMode: commitMode) { builder in
            join(
                builder.table("in", keys: .utf8, values: .utf8),
                builder.table("other", keys: .utf8, values: .utf8)
            ).toStream().to("out", values: .utf8)
        }
    }

    @Test("An inner join has a row while both sides have one")
    func inner() throws {
        let driven = try Self.driven { $0.join($1) { left, right in left + right } }
        #expect(try driven.updates(("a", "1")).isEmpty)
        #expect(try driven.updates(("a", "x"), ("a", "y"), in: "other") == ["a=1x", "a=1y"])
        #expect(try driven.updates(("a", nil)) == ["a=nil"])
        #expect(try driven.updates(("a", nil), in: "other").isEmpty)
    }

    @Test("A left join has a row while the left side has one")
    func left() throws {
        let driven = try Self.driven { $0.leftJoin($1) { left, right in left + (right ?? "-") } }
        #expect(try driven.updates(("a", "x"), in: "other").isEmpty)
        #expect(try driven.updates(("a", "1"), ("b", "2")) == ["a=1x", "b=2-"])
        #expect(try driven.updates(("a", nil), in: "other") == ["a=1-"])
        #expect(try driven.updates(("a", nil), ("c", nil)) == ["a=nil"])
    }

    @Test("An outer join has a row while either side has one")
    func outer() throws {
        let driven = try Self.driven { $0.outerJoin($1) { left, right in (left ?? "-") + (right ?? "-") } }
        #expect(try driven.updates(("a", "x"), in: "other") == ["a=-x"])
        #expect(try driven.updates(("a", "1")) == ["a=1x"])
        #expect(try driven.updates(("a", nil), in: "other") == ["a=1-"])
        #expect(try driven.updates(("a", nil), ("a", nil)) == ["a=nil"])
    }

    @Test("A result has the later timestamp of the two rows")
    func timestamps() throws {
        let driven = try Self.driven { $0.join($1) { left, right in left + right } }
        try driven.driver.input("in", keys: .utf8, values: .utf8).pipe("a", "1", at: 50)
        try driven.driver.input("other", keys: .utf8, values: .utf8).pipe("a", "x", at: 20)
        #expect(try driven.driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.timestampMs) == [50])
    }

    @Test("The join of tables without stores gives them stores, and none to itself")
    func materialisesSources() throws {
        let driven = try Self.driven { left, right in
            left.filter { _, value in value != "hidden" }.join(right.mapValues { $0 + "!" }) { $0 + $1 }
        }
        #expect(driven.topology.graph.stores.keys.sorted() == ["in-table", "other-table"])
        #expect(try driven.updates(("a", "x"), in: "other").isEmpty)
        #expect(try driven.updates(("a", "hidden"), ("a", "1")) == ["a=nil", "a=1x!"])
        #expect(try driven.updates(("a", "y"), in: "other") == ["a=1y!"])
    }

    @Test("A join's store has its rows, and a join without one can be joined again")
    func chain() throws {
        let driven = try Driven { builder in
            let left = builder.table("in", keys: .utf8, values: .utf8)
            let right = builder.table("other", keys: .utf8, values: .utf8)
            let third = builder.table("third", keys: .utf8, values: .utf8)
            left.leftJoin(right) { $0 + ($1 ?? "-") }
                .join(third, values: .utf8, store: StoreOptions(name: "all", isCached: false)) { $0 + $1 }
                .toStream().to("out", values: .utf8)
        }
        #expect(try driven.updates(("a", "3"), in: "third").isEmpty)
        #expect(try driven.updates(("a", "1"), ("b", "1")) == ["a=1-3"])
        #expect(try driven.updates(("a", "2"), in: "other") == ["a=123"])
        #expect(try driven.updates(("a", "4"), in: "third") == ["a=124"])
        #expect(try driven.rows(of: "all") == ["a=124"])
    }

    @Test("A table can be joined with itself")
    func selfJoin() throws {
        let driven = try Driven { builder in
            let table = builder.table("in", keys: .utf8, values: .utf8)
            table.join(table.mapValues { $0 + "'" }) { $0 + $1 }.toStream().to("out", values: .utf8)
        }
        #expect(try driven.updates(("a", "1"), ("a", "2")) == ["a=11'", "a=11'", "a=22'", "a=22'"])
    }

    @Test("At a commit the left side's cache is flushed first, and both see the other's latest row")
    func caches() throws {
        let driven = try Self.driven(cacheMaximumBytes: 1 << 20, commitMode: .explicit) {
            $0.join($1) { left, right in left + right }
        }
        #expect(try driven.updates(("a", "x"), ("b", "y"), in: "other").isEmpty)
        #expect(try driven.updates(("b", "1"), ("a", "2"), ("a", "3")).isEmpty)
        try driven.driver.commit()
        #expect(try driven.outputs() == ["b=1y", "a=3x", "a=3x", "b=1y"])
    }

    @Test("A row that came and went between two commits is taken back if the other side found it, and else not told of")
    func vanished() throws {
        let driven = try Driven(cacheMaximumBytes: 1 << 20, commitMode: .explicit) { builder in
            // Its changes are passed on at once, those of the other table at the commit.
            builder.table("in", keys: .utf8, values: .utf8, store: StoreOptions(name: "left", isCached: false))
                .join(builder.table("other", keys: .utf8, values: .utf8)) { left, right in left + right }
                .toStream().to("out", values: .utf8)
        }
        #expect(try driven.updates(("a", "x"), ("b", "y"), in: "other").isEmpty)
        #expect(try driven.updates(("a", "1")) == ["a=1x"])
        #expect(try driven.updates(("a", nil), ("b", nil), in: "other").isEmpty)
        #expect(try driven.updates(("b", "2")).isEmpty)
        try driven.driver.commit()
        #expect(try driven.outputs() == ["a=nil"])
    }

    @Test("Tables over unlike numbers of partitions are reported with the join and both numbers")
    func copartitioning() throws {
        let builder = StreamsBuilder()
        builder.table("in", keys: .utf8, values: .utf8)
            .join(builder.table("other", keys: .utf8, values: .utf8), named: "both") { $0 + $1 }
            .toStream().to("out", values: .utf8)
        let topology = try builder.build()
        let expected = StreamsError.partitions(
            .unlikePartitionCounts(operator: "both", counts: ["in": 2, "other": 3])
        )
        let error = #expect(throws: StreamsError.self) {
            try TopologyTestDriver(topology, partitions: ["in": 2, "other": 3])
        }
        #expect(error?.description == expected.description)
    }

    @Test("After a crash a join goes on with the rows that were committed")
    func crash() throws {
        let driven = try Self.driven(commitMode: .explicit) { $0.join($1) { left, right in left + right } }
        #expect(try driven.updates(("a", "x"), in: "other").isEmpty)
        try driven.driver.commit()
        #expect(try driven.updates(("a", "1")) == ["a=1x"])
        try driven.driver.crash()
        try driven.driver.commit()
        #expect(try driven.outputs() == ["a=1x"])
        #expect(try driven.updates(("a", "y"), in: "other") == ["a=1y"])
    }
}
