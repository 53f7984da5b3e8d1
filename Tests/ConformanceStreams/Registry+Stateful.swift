import Millrace

extension Registry {
    static let stateful: [String: Register] = [
        "group-by-key-count": { builder, _ in
            counts(stream(builder).groupByKey().count(store: "counts")).write("out")
        },
        "group-by-count": { builder, parameters in
            let select = try parameters.text("select")
            let grouped = stream(builder).groupBy(keys: text, values: text) { key, value -> String? in
                switch select {
                case "value": return value
                case "first-char": return value?.first.map(String.init)
                default:
                    guard let key, let value else { return nil }
                    return "\(key)/\(value)"
                }
            }
            counts(grouped.count(store: "counts")).write("out")
        },
        "group-reduce": { builder, parameters in
            let mode = try parameters.text("mode")
            let reduced = stream(builder).groupByKey().reduce(store: "red") { left, right -> String? in
                switch mode {
                case "max": return str(left).utf8.lexicographicallyPrecedes(str(right).utf8) ? right : left
                case "delete" where right == "DEL": return nil
                default: return "\(str(left))+\(str(right))"
                }
            }
            texts(reduced).write("out")
        },
        "group-aggregate": { builder, parameters in
            let reset = try parameters.text("resetTo")
            let initial: @Sendable () -> String? = { "i" }
            let aggregated = stream(builder).groupByKey().aggregate(
                initial: initial,
                aggregates: text,
                store: "agg"
            ) { _, value, aggregate -> String? in
                guard value == "RESET" else { return "\(str(aggregate)),\(str(value))" }
                return reset == "null" ? nil : "r"
            }
            texts(aggregated).write("out")
        },
        "shared-repartition": { builder, parameters in
            let keep = try parameters.text("keep")
            let rekeyed = stream(builder).selectKey(keys: text) { _, value -> String? in
                value.map { String(keep == "last" ? $0.suffix(1) : $0.prefix(2)) }
            }
            counts(rekeyed.groupByKey().count(store: StoreOptions(name: "c", isCached: false))).write("out1")
            let reduced = rekeyed.groupByKey(named: "reduced").reduce(store: StoreOptions(name: "r", isCached: false)) {
                left,
                right -> String? in "\(str(left))+\(str(right))"
            }
            texts(reduced).write("out2")
        },
        "headers-propagation": { builder, parameters in
            lazy var input = stream(builder)
            switch try parameters.text("chain") {
            case "stateless":
                input.filter { _, value in value != nil }
                    .mapValues { value -> String? in str(value) + "!" }
                    .flatMapValues { value -> [String?] in [value, str(value) + str(value)] }
                    .write("out")
            case "repartition":
                input.selectKey(keys: text) { _, value in value }.repartition(keys: text, values: text).write("out")
            case "count":
                counts(input.groupByKey().count(store: StoreOptions(name: "s", isCached: false)))
                    .mapValues { count -> String? in "n" + str(count) }.write("out")
            case "count-cached":
                counts(input.groupByKey().count(store: "s"))
                    .mapValues { count -> String? in "n" + str(count) }.write("out")
            case "table-table-join":
                let (left, right) = (table(builder, store: uncached("s")), table(builder, "in2", store: uncached("s2")))
                try joined(left, right, "outer").toStream().write("out")
            case "table-group":
                table(builder, store: uncached("s"))
                    .groupBy(keys: .utf8, values: .utf8) { _, value in value.last.map { (String($0), value) } }
                    .count(store: uncached("s2")).toStream()
                    .mapValues { count -> String? in "n" + str(count) }.write("out")
            case "tumbling", "tumbling-final", "session", "suppress":
                try windowedHeaders(input.groupByKey(), chain: try parameters.text("chain"))
            case "stream-stream-join":
                input.outerJoin(
                    stream(builder, "in2"),
                    within: JoinWindows(difference: .seconds(1), grace: .milliseconds(500)),
                    values: text
                ) { left, right -> String? in "\(str(left ?? nil))+\(str(right ?? nil))" }.write("out")
            case "stream-table-join":
                input.leftJoin(table(builder, "in2", store: uncached("s")), keys: text, values: text) {
                    value,
                    row -> String? in "\(str(value))+\(str(row))"
                }.write("out")
            case let chain:
                throw NotThereYet(what: "headers-propagation of \(chain)")
            }
        },
        "processing-continue": { builder, parameters in
            let base = stream(builder).peek { _, _ in }
            base.mapValues { value -> String? in str(value) + "a" }.write("out-before")
            switch try parameters.text("where") {
            case "map":
                base.mapValues { value -> String? in try explosive(value) + "m" }.write("out")
            case "flat-map":
                base.flatMapValues { value -> [String?] in [try explosive(value), str(value) + "2"] }.write("out")
            case "aggregate":
                let initial: @Sendable () -> String? = { "i" }
                let store = StoreOptions(name: "agg", isCached: false)
                let aggregated = base.groupByKey().aggregate(initial: initial, aggregates: text, store: store) {
                    _,
                    value,
                    aggregate -> String? in "\(str(aggregate)),\(try explosive(value))"
                }
                texts(aggregated).write("out")
            default:
                counts(base.groupByKey().count(store: StoreOptions(name: "cnt", isCached: false)))
                    .mapValues { count -> String? in
                        if let count, count % 3 == 0 { throw Explosion() }
                        return "n" + str(count)
                    }
                    .write("out")
            }
            base.mapValues { value -> String? in str(value) + "z" }.write("out-after")
        },
        "deserialization-continue": { builder, _ in
            let input = builder.stream("in", keys: text, values: number)
            input.mapValues { value -> String? in str(value) }.write("out-raw")
            input.groupByKey().reduce(store: StoreOptions(name: "sum", isCached: false)) { left, right -> Int64? in
                (left ?? 0) + (right ?? 0)
            }.toStream().mapValues { sum -> Int64? in sum ?? nil }.write("out")
        },
    ]

    private struct Explosion: Error {}

    /// A value as text, unless it is the one at which operators throw.
    private static func explosive(_ value: String?) throws -> String {
        if value == "BOOM" { throw Explosion() }
        return str(value)
    }

    /// The updates of a table of counts.
    private static func counts(_ table: KTable<String?, Int64>) -> KStream<String?, Int64?> { table.toStream() }

    /// The updates of a table whose values may be nil, which means that the key is removed.
    private static func texts(_ table: KTable<String?, String?>) -> TextStream {
        table.toStream().mapValues { value -> String? in value ?? nil }
    }
}
