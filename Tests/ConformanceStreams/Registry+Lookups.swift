import Millrace

extension Registry {
    /// Streams that look rows up in tables, and tables that look rows up in others.
    static let lookups: [String: Register] = [
        "stream-global-table-join": { builder, parameters in
            let byKey = try parameters.text("mapper") == "key"
            let table = builder.globalTable("table", keys: .utf8, values: .utf8, store: "gt")
            let input = stream(builder, "stream")
            @Sendable func tableKey(_ key: String?, _ value: String?) -> String? { byKey ? key : value }
            if try parameters.text("type") == "inner" {
                input.join(table, key: tableKey) { value, row -> String? in "\(str(value))+\(row)" }.write("out")
            } else {
                input.leftJoin(table, key: tableKey) { value, row -> String? in "\(str(value))+\(str(row))" }
                    .write("out")
            }
        },
        "global-store-processor": { builder, parameters in
            let isUpper = try parameters.flag("upper")
            let separator = try parameters.text("sep")
            let global = builder.addGlobalStore(
                Stores.keyValue("g", keys: .utf8, values: .utf8),
                topic: "global",
                keys: text,
                values: text
            ) { record, store in
                guard let key = record.key else { return }
                try store.put(key, record.value.map { isUpper ? $0.uppercased() : "\($0)@\(record.timestampMs)" })
            }
            let looked: TextStream = stream(builder).processValues(stores: global) { record, context, store in
                let found = try record.key.flatMap { try store.get($0) }
                try context.forward(record.withValue("\(str(record.value))\(separator)\(str(found))"))
            }
            looked.write("out")
        },
        "stream-table-join": { builder, parameters in
            let store = try parameters.flag("named") ? StoreOptions(name: "t", isCached: false) : nil
            let table = builder.table("table", keys: .utf8, values: .utf8, store: store)
            try join(stream(builder, "stream"), table, parameters)
        },
        "stream-table-join-derived": { builder, parameters in
            let length = try parameters.int("minLength")
            let table = table(builder, "table", store: uncached("t")).filter { isLong($1, length) }
            try join(stream(builder, "stream"), table.mapValues { value in value + "m" }, parameters)
        },
        "stream-table-join-versioned": { builder, parameters in
            try join(stream(builder, "stream"), try versionedTable(builder, "table", "t", parameters), parameters)
        },
        "stream-table-join-grace": { builder, parameters in
            let grace = Duration.milliseconds(Int64(try parameters.int("graceMs")))
            let table = try versionedTable(builder, "table", "t", parameters)
            try join(stream(builder, "stream"), table, parameters, grace: grace)
        },
        "foreign-key-join": { builder, parameters in
            let left = table(builder, "left", store: uncached("l"))
            let right = table(builder, "right", store: uncached("r"))
            try joinByForeignKey(left, right, parameters)
        },
        "foreign-key-join-versioned": { builder, parameters in
            let left = try versionedTable(builder, "left", "l", parameters)
            let right = try versionedTable(builder, "right", "r", parameters)
            try joinByForeignKey(left, right, parameters)
        },
    ]

    private static func join(
        _ stream: TextStream,
        _ table: KTable<String, String>,
        _ parameters: Parameters,
        grace: Duration? = nil
    ) throws {
        if try parameters.text("type") == "inner" {
            stream.join(table, keys: text, values: text, grace: grace) { value, row -> String? in
                "\(str(value))+\(row)"
            }.write("out")
        } else {
            stream.leftJoin(table, keys: text, values: text, grace: grace) { value, row -> String? in
                "\(str(value))+\(str(row))"
            }.write("out")
        }
    }

    private static func joinByForeignKey(
        _ left: KTable<String, String>,
        _ right: KTable<String, String>,
        _ parameters: Parameters
    ) throws {
        @Sendable func foreignKey(_ value: String) -> String? {
            let name = String(value.prefix { $0 != "|" })
            return name == "-" ? nil : name
        }
        let store = try parameters.flag("result") ? StoreOptions(name: "j", isCached: false) : nil
        let joined =
            try parameters.text("type") == "inner"
            ? left.join(right, foreignKey: foreignKey, values: .utf8, store: store) { "\($0)+\($1)" }
            : left.leftJoin(right, foreignKey: foreignKey, values: .utf8, store: store) { "\($0)+\(str($1))" }
        joined.toStream().to("out", keys: .utf8, values: text)
    }
}
