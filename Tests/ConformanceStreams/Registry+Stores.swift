import Millrace

/// Stores used by processors: each input value is a command, and each result is forwarded as text.
extension Registry {
    static let stores: [String: Register] = [
        "kv-store-direct": { builder, _ in
            let store = Stores.keyValue("st", keys: .utf8, values: .utf8)
            commands(builder, store) { words, store in try run(words, store) }
        },
        "versioned-store-direct": { builder, parameters in
            let history = Duration.milliseconds(try parameters.int("historyMs"))
            let store = Stores.versioned("st", keys: .utf8, values: .utf8, historyRetention: history)
            commands(builder, store) { words, store in try run(words, store) }
        },
        "window-store-direct": { builder, parameters in
            let store = Stores.window(
                "st",
                keys: .utf8,
                values: .utf8,
                size: .milliseconds(try parameters.int("sizeMs")),
                retention: .milliseconds(try parameters.int("retentionMs")),
                retainsDuplicates: try parameters.flag("retainDuplicates")
            )
            commands(builder, store) { words, store in try run(words, store) }
        },
        "session-store-direct": { builder, parameters in
            let retention = Duration.milliseconds(try parameters.int("retentionMs"))
            let store = Stores.session("st", keys: .utf8, values: .utf8, retention: retention)
            commands(builder, store) { words, store in try run(words, store) }
        },
    ]

    private static func commands<Store>(
        _ builder: StreamsBuilder,
        _ store: StoreReference<Store>,
        _ run: @escaping @Sendable ([String], Store) throws -> String
    ) {
        let results: TextStream = stream(builder).process(stores: store) { record, context, store in
            let words = (record.value ?? "").split(separator: " ").map(String.init)
            try context.forward(record.withValue(try run(words, store)))
        }
        results.write("out")
    }

    /// A word of a command, where `null` is nil.
    private static func optional(_ word: String) -> String? { word == "null" ? nil : word }

    private static func time(_ word: String) throws -> Int64 {
        guard let time = Int64(word) else { throw NotThereYet(what: "the time \(word)") }
        return time
    }

    private static func list(_ rows: StoreCursor<(key: String, value: String)>) throws -> String {
        text(try rows.collect().map { "\($0.key)=\($0.value)" })
    }

    private static func text(_ entries: [String]) -> String { "[\(entries.joined(separator: " "))]" }

    // Key-value stores

    private static func run(_ words: [String], _ store: KeyValueStore<String, String>) throws -> String {
        switch (words.first, words.count) {
        case ("put", 3):
            try store.put(words[1], optional(words[2]))
            return "ok"
        case ("get", 2): return str(try store.get(words[1]))
        case ("putIfAbsent", 3): return str(try store.putIfAbsent(words[1], optional(words[2])))
        case ("delete", 2): return str(try store.delete(words[1]))
        case ("range", 3): return try list(try store.range(from: optional(words[1]), through: optional(words[2])))
        case ("reverseRange", 3):
            return try list(try store.reverseRange(from: optional(words[1]), through: optional(words[2])))
        case ("all", 1): return try list(try store.all())
        case ("reverseAll", 1): return try list(try store.reverseAll())
        case ("prefix", 2): return try list(try store.prefixScan(words[1]))
        default: throw NotThereYet(what: "command \(words)")
        }
    }

    // Versioned stores

    /// The reference's typed store does not tell the end of a version, and prints `-` for all of them.
    private static func text(_ version: VersionedValue<String>?) -> String {
        version.map { "\($0.value)@\($0.validFromMs)..-" } ?? "null"
    }

    private static func run(_ words: [String], _ store: VersionedStore<String, String>) throws -> String {
        switch (words.first, words.count) {
        case ("put", 4):
            switch try store.put(words[1], optional(words[3]), timestampMs: try time(words[2])) {
            case .latest: return "-1"
            case .validTo(let timestampMs): return "\(timestampMs)"
            case .notPut: return "\(Int64.min)"
            }
        case ("delete", 3): return text(try store.delete(words[1], timestampMs: try time(words[2])))
        case ("get", 2): return text(try store.get(words[1]))
        case ("getAsOf", 3): return text(try store.get(words[1], asOf: try time(words[2])))
        default: throw NotThereYet(what: "command \(words)")
        }
    }

    // Window stores

    private static func list(_ rows: StoreCursor<(startMs: Int64, value: String)>) throws -> String {
        text(try rows.collect().map { "\($0.startMs)=\($0.value)" })
    }

    private static func list(_ rows: StoreCursor<(key: Windowed<String>, value: String)>) throws -> String {
        text(try rows.collect().map { "\($0.key.key)@\($0.key.window.startMs)=\($0.value)" })
    }

    private static func run(_ words: [String], _ store: WindowStore<String, String>) throws -> String {
        switch (words.first, words.count) {
        case ("put", 4):
            try store.put(words[1], optional(words[3]), startMs: try time(words[2]))
            return "ok"
        case ("get", 3): return str(try store.get(words[1], startMs: try time(words[2])))
        case ("fetch", 4):
            return try list(try store.fetch(words[1], from: try time(words[2]), through: try time(words[3])))
        case ("backFetch", 4):
            return try list(try store.backwardFetch(words[1], from: try time(words[2]), through: try time(words[3])))
        case ("fetchRange", 5):
            let (first, last) = (optional(words[1]), optional(words[2]))
            return try list(
                try store.fetch(keysFrom: first, through: last, from: try time(words[3]), through: try time(words[4]))
            )
        case ("fetchAll", 3):
            return try list(store.fetchAll(from: try time(words[1]), through: try time(words[2])))
        case ("all", 1): return try list(store.all())
        default: throw NotThereYet(what: "command \(words)")
        }
    }

    // Session stores

    private static func sessions(_ rows: StoreCursor<(key: Windowed<String>, value: String)>) throws -> String {
        text(
            try rows.collect().map { "\($0.key.key)@\($0.key.window.startMs)-\($0.key.window.endMs)=\($0.value)" }
        )
    }

    private static func run(_ words: [String], _ store: SessionStore<String, String>) throws -> String {
        func window() throws -> Window { Window(startMs: try time(words[2]), endMs: try time(words[3])) }
        switch (words.first, words.count) {
        case ("put", 5):
            try store.put(words[1], try window(), optional(words[4]))
            return "ok"
        case ("remove", 4):
            try store.remove(words[1], try window())
            return "ok"
        case ("fetchSession", 4): return str(try store.get(words[1], try window()))
        case ("findSessions", 4):
            let (first, last) = (try time(words[2]), try time(words[3]))
            return try sessions(try store.findSessions(words[1], earliestEndMs: first, latestStartMs: last))
        case ("fetch", 2): return try sessions(try store.fetch(words[1]))
        case ("fetchRange", 3):
            return try sessions(try store.findSessions(keysFrom: optional(words[1]), through: optional(words[2])))
        default: throw NotThereYet(what: "command \(words)")
        }
    }
}
