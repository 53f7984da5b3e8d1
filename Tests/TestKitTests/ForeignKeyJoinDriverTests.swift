import Millrace
import MillraceTestKit
import Testing

/// Joins of tables whose rows name the rows that they belong to.
struct ForeignKeyJoinDriverTests {
    /// Orders name their customer before a `/`, or none by `-`.
    @Sendable
    private static func customer(_ order: String) -> String? {
        order.hasPrefix("-") ? nil : String(order.prefix { $0 != "/" })
    }

    private func driver(
        isLeft: Bool = false,
        store: StoreOptions? = nil,
        history: Duration? = nil,
        partitions: [String: Int32] = [:],
        partitioner: StreamPartitioner<String, Void>? = nil
    ) throws -> TopologyTestDriver {
        let builder = StreamsBuilder()
        let orders = builder.table(
            "orders",
            keys: .utf8,
            values: .utf8,
            store: history.map { .versioned(historyRetention: $0) }
        )
        let customers = builder.table(
            "customers",
            keys: .utf8,
            values: .utf8,
            store: history.map { .versioned(historyRetention: $0) }
        )
        let joined: KTable<String, String>
        if isLeft {
            joined = orders.leftJoin(
                customers,
                foreignKey: Self.customer,
                partitioner: partitioner,
                values: .utf8,
                store: store,
                named: "billing"
            ) { "\($0) \($1 ?? "?")" }
        } else {
            joined = orders.join(
                customers,
                foreignKey: Self.customer,
                partitioner: partitioner,
                values: .utf8,
                store: store,
                named: "billing"
            ) { "\($0) \($1)" }
        }
        joined.toStream().to("out", values: .utf8)
        return try TopologyTestDriver(try builder.build(), partitions: partitions)
    }

    private func texts(_ driver: TopologyTestDriver) throws -> [String] {
        try driver.output("out", keys: .utf8, values: .utf8).readAll().map {
            "\($0.key ?? "~")=\($0.value ?? "~")@\($0.timestampMs)"
        }
    }

    private func order(_ driver: TopologyTestDriver, _ key: String, _ value: String?, at timestampMs: Int64) throws {
        try driver.input("orders", keys: .utf8, values: .utf8).pipe(key, value, at: timestampMs)
    }

    private func customer(_ driver: TopologyTestDriver, _ key: String, _ value: String?, at timestampMs: Int64) throws {
        try driver.input("customers", keys: .utf8, values: .utf8).pipe(key, value, at: timestampMs)
    }

    @Test("With tables that keep history, rows that come out of order change no result")
    func versioned() throws {
        let driver = try driver(history: .seconds(1))
        try customer(driver, "ann", "A", at: 100)
        try customer(driver, "bob", "B", at: 100)
        try order(driver, "1", "ann/x", at: 110)
        try order(driver, "1", "bob/early", at: 105)
        try customer(driver, "ann", "former", at: 90)
        #expect(try texts(driver) == ["1=ann/x A@110"])
        try order(driver, "1", "bob/y", at: 120)
        #expect(try texts(driver) == ["1=bob/y B@120"])
    }

    @Test("Results follow the rows of both tables")
    func followsBoth() throws {
        let driver = try driver()
        try order(driver, "o1", "ann/1", at: 1)
        try order(driver, "o2", "ann/2", at: 2)
        #expect(try texts(driver) == [], "there is no customer yet")
        try customer(driver, "ann", "A", at: 10)
        #expect(try texts(driver) == ["o1=ann/1 A@10", "o2=ann/2 A@10"])
        try order(driver, "o1", "ann/3", at: 3)
        #expect(try texts(driver) == ["o1=ann/3 A@10"], "a result is as late as its later row")
        try customer(driver, "ann", nil, at: 11)
        #expect(try texts(driver) == ["o1=~@11", "o2=~@11"])
    }

    @Test("A row that comes to name another row joins with that, or has no result any more")
    func changesKey() throws {
        let driver = try driver()
        try customer(driver, "ann", "A", at: 1)
        try customer(driver, "bob", "B", at: 1)
        try order(driver, "o1", "ann/1", at: 2)
        try order(driver, "o1", "bob/1", at: 3)
        try order(driver, "o1", "eve/1", at: 4)
        try customer(driver, "ann", "A2", at: 5)
        try customer(driver, "bob", "B2", at: 6)
        try order(driver, "o1", nil, at: 7)
        #expect(try texts(driver) == ["o1=ann/1 A@2", "o1=bob/1 B@3", "o1=~@4", "o1=~@7"])
    }

    @Test("A row that comes to name no row loses its result; one that comes to name a row gets one")
    func losesKey() throws {
        let driver = try driver(store: StoreOptions(name: "bills", isCached: false))
        try customer(driver, "ann", "A", at: 1)
        try order(driver, "o1", "-/1", at: 2)
        #expect(try texts(driver) == [])
        try order(driver, "o1", "ann/1", at: 3)
        #expect(try texts(driver) == ["o1=ann/1 A@3"])
        try order(driver, "o1", "-/2", at: 4)
        #expect(try texts(driver) == ["o1=~@4"])
        try customer(driver, "ann", "A2", at: 5)
        try order(driver, "o1", nil, at: 6)
        #expect(try texts(driver) == [], "nothing is left to be changed")
        #expect(try driver.store("bills", keys: .utf8, values: .utf8).entries().isEmpty)
    }

    @Test("A left join has a result for each left row, whatever it names")
    func left() throws {
        let driver = try driver(isLeft: true)
        try order(driver, "o1", "-/1", at: 1)
        try order(driver, "o2", "ann/2", at: 2)
        #expect(try texts(driver) == ["o1=-/1 ?@1", "o2=ann/2 ?@2"])
        try customer(driver, "ann", "A", at: 3)
        try customer(driver, "ann", nil, at: 4)
        #expect(try texts(driver) == ["o2=ann/2 A@3", "o2=ann/2 ?@4"])
        try order(driver, "o1", nil, at: 5)
        #expect(try texts(driver) == ["o1=~@5"])
    }

    @Test("The tables may have unlike numbers of partitions; a row is found wherever it is")
    func unlikePartitions() throws {
        let driver = try driver(partitions: ["orders": 3, "customers": 5])
        for number in 0..<30 { try order(driver, "o\(number)", "c\(number % 10)/\(number)", at: 1) }
        for number in 0..<10 { try customer(driver, "c\(number)", "C\(number)", at: 2) }
        let joined = try texts(driver)
        #expect(joined.count == 30)
        #expect(Set(joined) == Set((0..<30).map { "o\($0)=c\($0 % 10)/\($0) C\($0 % 10)@2" }))
    }

    @Test("A partitioner finds the rows of a table that is not spread by its keys' hashes")
    func partitioner() throws {
        let driver = try driver(
            partitions: ["orders": 2, "customers": 4],
            partitioner: StreamPartitioner { key, _, count in .partition(Int32(key.utf8.count) % count) }
        )
        let customers = driver.input("customers", keys: .utf8, values: .utf8)
        for name in ["a", "bb", "ccc", "dddd"] {
            try order(driver, "of-\(name)", "\(name)/1", at: 1)
            try customers.pipe(name, name.uppercased(), at: 2, partition: Int32(name.utf8.count) % 4)
        }
        #expect(try texts(driver).count == 4)
    }

    @Test("A partitioner that names several partitions is refused when it does")
    func ambiguousPartitioner() throws {
        let driver = try driver(partitioner: .broadcast)
        let error = #expect(throws: StreamsError.self) { try order(driver, "o1", "ann/1", at: 1) }
        #expect(error?.description.contains("a right row lies in one partition") == true)
    }

    @Test("The foreign key may be made of key and value, and a table may be joined with itself")
    func itself() throws {
        let builder = StreamsBuilder()
        let staff = builder.table("staff", keys: .utf8, values: .utf8)
        staff.leftJoin(staff, foreignKey: { name, boss in name == boss ? nil : boss }) { boss, bossOfBoss in
            "\(boss)<\(bossOfBoss ?? "nobody")"
        }.toStream().to("out", values: .utf8)
        let driver = try TopologyTestDriver(try builder.build(), partitions: ["staff": 3])
        let input = driver.input("staff", keys: .utf8, values: .utf8)
        try input.pipe("ann", "ann", at: 1)
        try input.pipe("bob", "ann", at: 2)
        try input.pipe("eve", "bob", at: 3)
        #expect(try Set(texts(driver)) == ["ann=ann<nobody@1", "bob=ann<ann@2", "eve=bob<ann@3"])
    }

    @Test("Internal topics and stores are named after the join, and stay so whatever else the topology has")
    func names() throws {
        let builder = StreamsBuilder()
        let orders = builder.table("orders", keys: .utf8, values: .utf8)
        let customers = builder.table("customers", keys: .utf8, values: .utf8)
        for name in ["billing", nil] {
            orders.join(customers, foreignKey: Self.customer, named: name) { "\($0)\($1)" }
                .toStream().to("out", values: .utf8)
        }
        let text = try builder.build().describe()
        for name in ["billing", "orders-foreignKeyJoin"] {
            #expect(
                text.contains("Source: \(name)-subscription (topics: [\(name)-subscription-repartition])"),
                "\(text)"
            )
            #expect(text.contains("Source: \(name)-response (topics: [\(name)-response-repartition])"), "\(text)")
            #expect(text.contains("stores: [\(name)-subscriptions"), "\(text)")
        }
    }

    @Test("After a crash the join goes on with the subscriptions that were committed")
    func crash() throws {
        let driver = try driver()
        try order(driver, "o1", "ann/1", at: 1)
        try driver.crash()
        try customer(driver, "ann", "A", at: 2)
        try driver.crash()
        try order(driver, "o2", "ann/2", at: 3)
        #expect(try texts(driver) == ["o1=ann/1 A@2", "o2=ann/2 A@3"])
    }

    @Test(
        "a row that came and went between two commits, and was looked up meanwhile, is taken back",
        arguments: [true, false]
    )
    func vanished(isLeft: Bool) throws {
        let driven = try Driven(cacheMaximumBytes: 1 << 20, commitMode: .explicit) { builder in
            // Its changes are passed on at once, those of the other table at the commit.
            let left = builder.table("in", keys: .utf8, values: .utf8, store: StoreOptions(name: "l", isCached: false))
            let right = builder.table("other", keys: .utf8, values: .utf8, store: "r")
            let joined =
                isLeft
                ? left.leftJoin(right, foreignKey: { $0 }) { value, row in "\(value)+\(row ?? "-")" }
                : left.join(right, foreignKey: { $0 }) { value, row in "\(value)+\(row)" }
            joined.toStream().to("out", values: .utf8)
        }
        #expect(try driven.updates(("r1", "R"), in: "other").isEmpty)
        #expect(try driven.updates(("l1", "r1")) == ["l1=r1+R"])
        #expect(try driven.updates(("r1", nil), in: "other").isEmpty)
        try driven.driver.commit()
        #expect(try driven.outputs() == [isLeft ? "l1=r1+-" : "l1=nil"])
    }
}
