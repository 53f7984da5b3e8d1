import Millrace
import MillraceTestKit
import Testing

/// What tables do: derived ones, with stores and without.
struct TableTests {
    /// A topology that reads `in` as a table and writes what `make` makes of it to `out`.
    private static func driver(
        store: StoreOptions? = nil,
        _ make: (KTable<String, String>) -> KTable<String, String>
    ) throws -> Driven {
        try Driven { builder in
            make(builder.table("in", keys: .utf8, values: .utf8, store: store)).toStream().to("out", values: .utf8)
        }
    }

    @Test("A table without a store passes its topic's updates on, and keeps nothing")
    func passesOn() throws {
        let driven = try Self.driver { $0 }
        #expect(try driven.updates(("a", "1"), ("a", nil), ("b", nil)) == ["a=1", "a=nil", "b=nil"])
        #expect(driven.topology.graph.stores.isEmpty)
    }

    @Test("A filter that knows no old values passes a deletion on for each row that does not fit")
    func filterWithoutOldValues() throws {
        let driven = try Self.driver { $0.filter { _, value in value.count > 1 } }
        #expect(
            try driven.updates(("a", "x"), ("a", "xx"), ("a", "y"), ("a", nil)) == ["a=nil", "a=xx", "a=nil", "a=nil"]
        )
    }

    @Test("A filter after a table with a store removes only rows that were there")
    func filterWithOldValues() throws {
        let driven = try Self.driver(store: StoreOptions(name: "t", isCached: false)) {
            $0.filterNot { _, value in value.count == 1 }
        }
        #expect(try driven.updates(("a", "x"), ("a", "xx"), ("a", "y"), ("a", nil)) == ["a=xx", "a=nil"])
    }

    @Test("A filter's own store has the rows that fit")
    func filterIntoStore() throws {
        let driven = try Self.driver { $0.filter(store: "long") { _, value in value.count > 1 } }
        _ = try driven.updates(("a", "xx"), ("b", "y"), ("c", "zz"), ("c", "z"))
        #expect(try driven.rows(of: "long") == ["a=xx"])
    }

    @Test("A mapping to nil removes the row; a removed row is not mapped")
    func mapsToNil() throws {
        let driven = try Self.driver { $0.compactMapValues { value in value == "-" ? nil : value + "!" } }
        #expect(try driven.updates(("a", "x"), ("a", "-"), ("b", nil)) == ["a=x!", "a=nil", "b=nil"])
    }

    @Test("A mapping gets the key if it wants it, and its store has the results")
    func mapsWithKey() throws {
        let driven = try Self.driver { $0.mapValues(values: .utf8, store: "mapped") { key, value in key + value } }
        #expect(try driven.updates(("a", "x"), ("b", "y")) == ["a=ax", "b=by"])
        #expect(try driven.rows(of: "mapped") == ["a=ax", "b=by"])
    }

    @Test("A transformation has stores, and is called for removed rows as well")
    func transforms() throws {
        let calls = Stores.keyValue("calls", keys: .utf8, values: .int64)
        let driven = try Self.driver { table in
            table.transformValues(stores: calls) { key, value, calls -> String? in
                let count = try (calls.get(key) ?? 0) + 1
                try calls.put(key, count)
                return "\(value ?? "gone"),\(count)"
            }
        }
        #expect(try driven.updates(("a", "x"), ("a", nil), ("b", "y")) == ["a=x,1", "a=gone,2", "b=y,1"])
    }

    @Test("A stream of a table can have other keys")
    func toStreamWithKeys() throws {
        let driven = try Driven { builder in
            builder.table("in", keys: .utf8, values: .utf8)
                .toStream(keys: .utf8) { key, value in "\(key)/\(value ?? "-")" }
                .to("out", values: .utf8)
        }
        #expect(try driven.updates(("a", "x"), ("a", nil)) == ["a/x=x", "a/-=nil"])
    }

    @Test("A stream becomes a table: nil removes a row, records without a key are left out")
    func streamToTable() throws {
        let driven = try Driven { builder in
            builder.stream("in", keys: .optional(.utf8), values: .optional(.utf8))
                .toTable(store: StoreOptions(name: "t", isCached: false))
                .toStream().to("out", keys: .utf8, values: .utf8)
        }
        #expect(try driven.updates(("a", "x"), (nil, "y"), ("a", nil)) == ["a=x", "a=nil"])
        #expect(try driven.rows(of: "t").isEmpty)
    }

    @Test("A stream with other keys than it was read with becomes a table behind a repartition topic")
    func rekeyedStreamToTable() throws {
        let driven = try Driven { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .selectKey(keys: .utf8) { _, value in String(value.prefix(1)) }
                .toTable(store: "t")
                .toStream().to("out", values: .utf8)
        }
        #expect(try driven.updates(("1", "ax"), ("2", "bx"), ("3", "ay")) == ["a=ax", "b=bx", "a=ay"])
        #expect(driven.topology.graph.subtopologies().count == 2)
    }

    @Test("A store that a table needs and cannot write is reported with its operator")
    func missingSerde() throws {
        let builder = StreamsBuilder()
        builder.table("in", keys: .utf8, values: .utf8).mapValues(store: "lengths") { value in value.count }
            .toStream().to("out", values: .int)
        #expect(throws: TopologyError([.missingSerde(operator: "in-table-mapValues", of: "values")])) {
            try builder.build()
        }
    }

    @Test("A row at which a function throws is none behind this operator alone")
    func failing() throws {
        struct Failure: Error {}
        let builder = StreamsBuilder()
        let table = builder.table("in", keys: .utf8, values: .utf8)
        table.mapValues { value -> String in
            if value == "bad" { throw Failure() }
            return value
        }.toStream().to("out", values: .utf8)
        table.toStream().to("all", values: .utf8)
        var configuration = StreamsConfiguration()
        configuration.onProcessingError = .logAndContinue
        let driver = try TopologyTestDriver(try builder.build(), configuration: configuration)
        let input = driver.input("in", keys: .utf8, values: .utf8)
        for value in ["x", "bad", "y"] { try input.pipe("a", value, at: 1) }
        #expect(try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.value) == ["x", nil, "y"])
        #expect(try driver.output("all", keys: .utf8, values: .utf8).readAll().map(\.value) == ["x", "bad", "y"])
    }
}
