import Millrace
import MillraceTestKit
import Testing

/// Tables that know their history.
struct VersionedTableTests {
    private static let history = StoreOptions.versioned("versions", historyRetention: .milliseconds(100))

    private static func driven(_ make: (KTable<String, String>) -> KTable<String, String>) throws -> Driven {
        try Driven { builder in
            make(builder.table("in", keys: .utf8, values: .utf8, store: history)).toStream().to("out", values: .utf8)
        }
    }

    private static func pipe(_ rows: [(key: String, value: String?, timestampMs: Int64)], in driven: Driven) throws {
        let input = driven.driver.input("in", keys: .utf8, values: .optional(.utf8))
        for row in rows { try input.pipe(row.key, row.value, at: row.timestampMs) }
    }

    @Test("A row out of order is passed on and kept at its time; one older than the history is dropped")
    func outOfOrder() throws {
        let driven = try Self.driven { $0 }
        try Self.pipe([("a", "1", 200), ("a", "0", 150), ("a", "-1", 99)], in: driven)
        #expect(try driven.outputs() == ["a=1", "a=0"])
        let versions = driven.driver.versionedStore("versions", keys: .utf8, values: .utf8)
        #expect(try versions.latest(for: "a")?.value == "1")
        #expect(try versions.version(for: "a", asOf: 199)?.value == "0")
    }

    @Test("A row out of order leaves groups as they are")
    func group() throws {
        let driven = try Self.driven { table in
            table.groupBy(keys: .utf8, values: .utf8) { key, value in (value, key) }
                .count(store: "counts").mapValues { "\($0)" }
        }
        try Self.pipe([("a", "red", 200), ("a", "blue", 150), ("a", "green", 210)], in: driven)
        #expect(try driven.outputs() == ["red=1", "red=0", "green=1"])
    }

    @Test("A row out of order leaves the results of a join as they are")
    func join() throws {
        let driven = try Driven { builder in
            builder.table("in", keys: .utf8, values: .utf8, store: Self.history)
                .outerJoin(builder.table("other", keys: .utf8, values: .utf8)) { "\($0 ?? "-")\($1 ?? "-")" }
                .toStream().to("out", values: .utf8)
        }
        try Self.pipe([("a", "1", 200), ("a", "0", 150), ("a", "2", 210)], in: driven)
        #expect(try driven.outputs() == ["a=1-", "a=2-"])
    }

    @Test("History is restored after a crash")
    func crash() throws {
        let driven = try Self.driven { $0 }
        try Self.pipe([("a", "1", 150), ("a", "2", 200), ("b", "3", 180), ("b", nil, 190)], in: driven)
        try driven.driver.crash()
        let versions = driven.driver.versionedStore("versions", keys: .utf8, values: .utf8)
        #expect(try versions.version(for: "a", asOf: 160)?.value == "1")
        #expect(try versions.latest(for: "b") == nil)
        #expect(try versions.version(for: "b", asOf: 185)?.validToMs == 190)
    }

    @Test("A history that reaches into the future is reported with the store")
    func negativeHistory() {
        let builder = StreamsBuilder()
        builder.table(
            "in",
            keys: .utf8,
            values: .utf8,
            store: .versioned("versions", historyRetention: .milliseconds(-1))
        ).toStream().to("out", values: .utf8)
        let error = #expect(throws: TopologyError.self) { try builder.build() }
        #expect(error?.description.contains("history retention") == true, "\(String(describing: error))")
    }
}
