import Millrace

extension Registry {
    static let tables: [String: Register] = [
        "table-to-stream": { builder, parameters in
            let mode = try parameters.text("materialized")
            let store = mode == "none" ? nil : StoreOptions(name: "t", isCached: mode == "named-cached")
            table(builder, store: store).toStream().write("out")
        },
        "table-filter": { builder, parameters in
            let mode = try parameters.text("materialized")
            let source = table(builder, store: ["source", "both"].contains(mode) ? uncached("src") : nil)
            let result = ["result", "both"].contains(mode) ? uncached("flt") : nil
            let filtered =
                try parameters.flag("negate")
                ? source.filterNot(store: result) { isLong($1, 3) } : source.filter(store: result) { isLong($1, 3) }
            filtered.toStream().write("out")
        },
        "table-map-values": { builder, parameters in
            let mode = try parameters.text("materialized")
            let ending = try parameters.text("nilFor")
            let source = table(builder, store: ["source", "both"].contains(mode) ? uncached("src") : nil)
            let result = ["result", "both"].contains(mode) ? uncached("mv") : nil
            let mapped: TextTable
            if try parameters.flag("withKey") {
                mapped = source.compactMapValues(values: .utf8, store: result) { key, value -> String? in
                    value.hasSuffix(ending) ? nil : "\(key):\(value)"
                }
            } else {
                mapped = source.compactMapValues(values: .utf8, store: result) { value -> String? in
                    value.hasSuffix(ending) ? nil : value + "!"
                }
            }
            mapped.toStream().write("out")
        },
        "table-transform-values": { builder, parameters in
            let separator = try parameters.text("sep")
            let numbers = Stores.keyValue("n", keys: .utf8, values: .int64)
            table(builder).transformValues(
                stores: numbers,
                values: .utf8,
                store: try parameters.flag("materialized") ? uncached("tv") : nil
            ) { key, value, numbers -> String? in
                let number = try (numbers.get(key) ?? 0) + 1
                try numbers.put(key, number)
                return "\(str(value))\(separator)\(number)"
            }.toStream().write("out")
        },
        "table-group-count": { builder, parameters in
            try groupedSource(builder, parameters)
                .groupBy(keys: .utf8, values: .utf8) { _, value in group(value).map { ($0, value) } }
                .count(store: "cnt").toStream().write("out")
        },
        "table-group-reduce": { builder, parameters in
            let isNilAtZero = try parameters.flag("nilAtZero")
            try groupedSource(builder, parameters)
                .groupBy(keys: .utf8, values: .int64) { _, value in
                    guard let group = group(value), let number = amount(value) else { return nil }
                    return (group, number)
                }
                .reduce(
                    store: "sum",
                    adder: { $0 + $1 },
                    subtractor: { $0 - $1 == 0 && isNilAtZero ? nil : $0 - $1 }
                )
                .toStream().write("out")
        },
        "table-group-aggregate": { builder, parameters in
            history(of: try groupedSource(builder, parameters), store: "agg").toStream().write("out")
        },
        "cached-chain": { builder, _ in
            let counts = builder.stream("in", keys: text, values: text).groupByKey().count(store: "c1")
            counts.toStream().write("out1")
            counts.groupBy(keys: .utf8, values: .utf8) { key, count in key.map { ("n\(count)", $0) } }
                .count(store: "c2").toStream().write("out2")
        },
        "stream-to-table": { builder, parameters in
            var input = stream(builder).mapValues(\.self)
            if try parameters.flag("rekey") {
                input = input.selectKey(keys: text) { _, value -> String? in value.map { String($0.prefix(2)) } }
            }
            let store = try parameters.flag("named") ? uncached("tt") : nil
            let rows: TextTable = input.toTable(values: Serde<String>.utf8, store: store)
            rows.filter { isLong($1, 3) }.toStream().write("out")
        },
        "table-chain": { builder, parameters in
            let length = try parameters.int("minLength")
            let store = try parameters.flag("named") ? uncached("last") : nil
            let longer: TextTable = table(builder).mapValues { value in value + "x" }
            longer.filter { isLong($1, length) }.mapValues(values: .utf8, store: store) { key, value in key + value }
                .toStream(keys: .utf8) { key, _ in key + ">" }
                .to("out", values: .utf8)
        },
        "table-table-join": { builder, parameters in
            let isNamed = try parameters.text("sources") == "named"
            var left = table(builder, "left", store: isNamed ? uncached("l") : nil)
            let right = table(builder, "right", store: isNamed ? uncached("r") : nil)
            if try parameters.flag("derived") { left = left.filter { isLong($1, 3) } }
            let result = try parameters.flag("result") ? uncached("j") : nil
            try joined(left, right, try parameters.text("type"), store: result).toStream().write("out")
        },
        "table-table-join-cached": { builder, parameters in
            let (left, right) = (table(builder, "left", store: "l"), table(builder, "right", store: "r"))
            try joined(left, right, try parameters.text("type")).toStream().write("out")
        },
        "table-table-join-three": { builder, parameters in
            let (a, b) = (table(builder, "a", store: uncached("a")), table(builder, "b", store: uncached("b")))
            let c = table(builder, "c", store: uncached("c"))
            try joined(try joined(a, b, try parameters.text("type1")), c, try parameters.text("type2"))
                .toStream().write("out")
        },
        "window-regroup": { builder, parameters in
            let windowing = Windowing(parameters: parameters)
            let input = stream(builder).groupByKey()
            let counts: KTable<Windowed<String?>, Int64> =
                try parameters.text("window") == "session"
                ? input.windowedBy(try windowing.sessions("sizeMs")).count(store: windowing.store)
                : input.windowedBy(try windowing.windows("tumbling")).count(store: windowing.store)
            let grouped = counts.groupBy(keys: .utf8, values: .utf8) { key, count in
                ("w\(key.window.startMs)", "\(str(key.key))\(count)")
            }
            written(grouped, store: uncached("agg")).toStream().write("out")
        },
        "suppress-then-join": { builder, parameters in
            let limit = TimeLimit.timeLimit(.milliseconds(try parameters.int("limitMs")))
            let left = table(builder, "left", store: uncached("l")).suppress(until: limit)
            try joined(left, table(builder, "right", store: uncached("r")), "inner").toStream().write("out")
        },
        "table-table-join-versioned": { builder, parameters in
            let (left, right) = (
                try versionedTable(builder, "left", "l", parameters),
                try versionedTable(builder, "right", "r", parameters)
            )
            try joined(left, right, try parameters.text("type")).toStream().write("out")
        },
        "versioned-table": { builder, parameters in
            var versions = try versionedTable(builder, "in", "v", parameters)
            if try parameters.flag("filter") { versions = versions.filter { isLong($1, 3) } }
            versions.toStream().write("out")
        },
        "versioned-group-aggregate": { builder, parameters in
            history(of: try versionedTable(builder, "in", "v", parameters), store: uncached("agg")).toStream().write(
                "out"
            )
        },
    ]

    typealias TextTable = KTable<String, String>

    static func table(_ builder: StreamsBuilder, _ topic: String = "in", store: StoreOptions? = nil) -> TextTable {
        builder.table(topic, keys: .utf8, values: .utf8, store: store)
    }

    static func versionedTable(
        _ builder: StreamsBuilder,
        _ topic: String,
        _ store: String,
        _ parameters: Parameters
    ) throws -> TextTable {
        let history = try parameters.int("historyMs")
        return table(builder, topic, store: .versioned(store, historyRetention: .milliseconds(history)))
    }

    static func uncached(_ name: String) -> StoreOptions { StoreOptions(name: name, isCached: false) }

    static func isLong(_ value: String, _ length: Int) -> Bool { value.count >= length }

    /// The group of a row such as `g1:7`; nil for the group `-`.
    static func group(_ value: String) -> String? {
        let group = value.prefix { $0 != ":" }
        return group == "-" ? nil : String(group)
    }

    /// The number of a row such as `g1:7`.
    static func amount(_ value: String) -> Int64? { Int64(value.drop { $0 != ":" }.dropFirst()) }

    static func history(of table: TextTable, store: StoreOptions) -> TextTable {
        let grouped = table.groupBy(keys: .utf8, values: .utf8) { key, value in
            guard let group = group(value), let number = amount(value) else { return nil }
            return (group, "\(key)=\(number)")
        }
        return written(grouped, store: store)
    }

    /// Writes down in which order rows come to a group and leave it.
    private static func written(_ grouped: KGroupedTable<String, String>, store: StoreOptions) -> TextTable {
        grouped.aggregate(
            initial: { "i" },
            aggregates: .utf8,
            store: store,
            adder: { _, value, history in "\(history)+\(value)" },
            subtractor: { _, value, history in "\(history)-\(value)" }
        )
    }

    static func joined(
        _ left: TextTable,
        _ right: TextTable,
        _ type: String,
        store: StoreOptions? = nil
    ) throws -> TextTable {
        switch type {
        case "inner": left.join(right, values: .utf8, store: store) { "\($0)+\($1)" }
        case "left": left.leftJoin(right, values: .utf8, store: store) { "\($0)+\(str($1))" }
        case "outer": left.outerJoin(right, values: .utf8, store: store) { "\(str($0))+\(str($1))" }
        default: throw NotThereYet(what: "a join of type \(type)")
        }
    }

    private static func groupedSource(_ builder: StreamsBuilder, _ parameters: Parameters) throws -> TextTable {
        guard try parameters.flag("named") else { return table(builder) }
        // The record says that this store is not cached, but what came out of it says that it was.
        let isCached = try parameters.values["cache"] != nil && parameters.flag("cache")
        return table(builder, store: StoreOptions(name: "src", isCached: isCached))
    }
}

extension KStream<String, String?> {
    func write(_ topic: String) { to(topic, keys: .utf8, values: .utf8) }
}

extension KStream<String, Int64?> {
    func write(_ topic: String) { to(topic, keys: .utf8, values: .int64) }
}
