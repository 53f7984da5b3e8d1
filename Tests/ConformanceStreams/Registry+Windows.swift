import Millrace

extension Registry {
    /// A windowed aggregation of a stream, whose parameters are those of a case.
    struct Windowing {
        let parameters: Parameters
        var store = StoreOptions(name: "win", isCached: false)
        var emits = EmitStrategy.onWindowUpdate
        /// Whether updates are held back until the window closes.
        var isSuppressed = false

        /// What a case says of windows: `window` where a topology has several kinds.
        func windows(_ kind: String) throws -> TimeWindows {
            let grace = try milliseconds("graceMs")
            switch kind {
            case "hopping":
                return .hopping(size: try milliseconds("sizeMs"), advance: try milliseconds("advanceMs"), grace: grace)
            case "sliding": return .sliding(difference: try milliseconds("sizeMs"), grace: grace)
            default: return .tumbling(size: try milliseconds("sizeMs"), grace: grace)
            }
        }

        /// Sessions, with the parameter that has the gap.
        func sessions(_ gap: String) throws -> SessionWindows {
            .sessions(inactivityGap: try milliseconds(gap), grace: try milliseconds("graceMs"))
        }

        func milliseconds(_ name: String) throws -> Duration { .milliseconds(Int64(try parameters.int(name))) }

        /// Aggregates in windows of a kind and writes the updates.
        func write(_ input: KGroupedStream<String?, String?>, kind: String, to topic: String = "out") throws {
            if kind == "session" {
                try write(sessions: input.windowedBy(try sessions("sizeMs")), to: topic)
            } else {
                try write(input.windowedBy(try windows(kind)), to: topic)
            }
        }

        func write(_ windowed: TimeWindowedKStream<String?, String?>, to topic: String = "out") throws {
            let windowed = windowed.emitStrategy(emits)
            switch try parameters.text("op") {
            case "count": counts(windowed.count(store: store), topic)
            case "reduce": texts(windowed.reduce(store: store, joined), topic)
            default: texts(windowed.aggregate(initial: { "i" }, aggregates: text, store: store, appended), topic)
            }
        }

        func write(sessions: SessionWindowedKStream<String?, String?>, to topic: String = "out") throws {
            let windowed = sessions.emitStrategy(emits)
            switch try parameters.text("op") {
            case "count": counts(windowed.count(store: store), topic)
            case "reduce": texts(windowed.reduce(store: store, joined), topic)
            default:
                texts(
                    windowed.aggregate(
                        initial: { "i" },
                        aggregates: text,
                        store: store,
                        merge: { _, left, right in str(left) + "&" + str(right) },
                        appended
                    ),
                    topic
                )
            }
        }

        private let joined: @Sendable (String?, String?) -> String? = { str($0) + "+" + str($1) }
        private let appended: @Sendable (String?, String?, String?) -> String? = { str($2) + "," + str($1) }

        private func counts(_ table: KTable<Windowed<String?>, Int64>, _ topic: String) {
            let table = isSuppressed ? table.suppress(until: .windowCloses) : table
            table.toStream().to(topic, keys: Wire.windowedText, values: number)
        }

        private func texts(_ table: KTable<Windowed<String?>, String?>, _ topic: String) {
            let table = isSuppressed ? table.suppress(until: .windowCloses) : table
            table.toStream().mapValues { $0 ?? nil }.to(topic, keys: Wire.windowedText, values: text)
        }
    }

    /// The chains of `headers-propagation` that have windows.
    static func windowedHeaders(_ input: KGroupedStream<String?, String?>, chain: String) throws {
        let store = StoreOptions(name: "s", isCached: false)
        let tumbling = input.windowedBy(.tumbling(size: .seconds(3), grace: .seconds(1)))
        let counts: KTable<Windowed<String?>, Int64> =
            switch chain {
            case "tumbling": tumbling.count(store: store)
            case "suppress": tumbling.count(store: store).suppress(until: .windowCloses)
            case "tumbling-final": tumbling.emitStrategy(.onWindowClose).count(store: store)
            case "session":
                input.windowedBy(.sessions(inactivityGap: .seconds(1), grace: .seconds(1))).count(store: store)
            default: throw NotThereYet(what: "headers-propagation of \(chain)")
            }
        counts.toStream { windowed, _ -> String? in "\(str(windowed.key))@\(windowed.window.startMs)" }
            .mapValues { count -> String? in "n" + str(count) }
            .write("out")
    }

    /// Appends a letter and a value.
    static func adding(_ letter: String) -> @Sendable (String?, String?, String?) -> String? {
        { _, value, aggregate in str(aggregate) + "," + letter + str(value) }
    }

    static let windows: [String: Register] = [
        "tumbling-window": { builder, parameters in
            try Windowing(parameters: parameters).write(stream(builder).groupByKey(), kind: "tumbling")
        },
        "hopping-window": { builder, parameters in
            try Windowing(parameters: parameters).write(stream(builder).groupByKey(), kind: "hopping")
        },
        "sliding-window": { builder, parameters in
            let windowing = Windowing(parameters: parameters)
            let windows = TimeWindows.sliding(
                difference: try windowing.milliseconds("diffMs"),
                grace: try windowing.milliseconds("graceMs")
            )
            try windowing.write(stream(builder).groupByKey().windowedBy(windows))
        },
        "session-window": { builder, parameters in
            let windowing = Windowing(parameters: parameters)
            try windowing.write(sessions: stream(builder).groupByKey().windowedBy(try windowing.sessions("gapMs")))
        },
        "unlimited-window": { builder, parameters in
            let windows = TimeWindows.unlimited(startMs: Int64(try parameters.int("startMs")))
            try Windowing(parameters: parameters).write(stream(builder).groupByKey().windowedBy(windows))
        },
        "window-final": { builder, parameters in
            var windowing = Windowing(parameters: parameters, emits: .onWindowClose)
            windowing.store.retention = try windowing.milliseconds("retentionMs")
            try windowing.write(stream(builder).groupByKey(), kind: try parameters.text("window"))
        },
        "window-final-throttled": { builder, parameters in
            var windowing = Windowing(parameters: parameters, emits: .onWindowClose)
            windowing.store.retention = try windowing.milliseconds("retentionMs")
            try windowing.write(stream(builder).groupByKey(), kind: "tumbling")
        },
        "window-final-short-retention": { builder, parameters in
            try Windowing(parameters: parameters, emits: .onWindowClose)
                .write(stream(builder).groupByKey(), kind: try parameters.text("window"))
        },
        "window-cached": { builder, parameters in
            try Windowing(parameters: parameters, store: "win")
                .write(stream(builder).groupByKey(), kind: try parameters.text("window"))
        },
        "suppress-window-close": { builder, parameters in
            try Windowing(parameters: parameters, isSuppressed: true)
                .write(stream(builder).groupByKey(), kind: try parameters.text("window"))
        },
        "suppress-time-limit": { builder, parameters in
            let store = StoreOptions(name: "src", isCached: false)
            let limit = TimeLimit.timeLimit(.milliseconds(try parameters.int("limitMs")))
            let maximum = try parameters.int("maxRecords")
            let buffer: SuppressionBuffer =
                maximum == 0 ? .unbounded : .bounded(maxRecords: maximum, whenFull: .emitEarly)
            if try parameters.text("source") == "table" {
                builder.table("in", keys: .utf8, values: .utf8, store: store)
                    .suppress(until: limit, buffer: buffer)
                    .toStream().to("out", keys: .utf8, values: text)
            } else {
                stream(builder).groupByKey().count(store: store)
                    .suppress(until: limit, buffer: buffer)
                    .toStream().mapValues { count -> String? in count.map { "n\($0)" } }.write("out")
            }
        },
        "cogroup": { builder, parameters in
            var cogrouped = stream(builder, "in1").groupByKey().cogroup(adding("A"))
                .cogroup(stream(builder, "in2").groupByKey(), adding("B"))
            if try parameters.int("inputs") == 3 {
                cogrouped = cogrouped.cogroup(stream(builder, "in3").groupByKey()) { key, value, aggregate in
                    value == "RESET" ? nil : adding("C")(key, value, aggregate)
                }
            }
            cogrouped.aggregate(initial: { "i" }, aggregates: text, store: "cg")
                .toStream().mapValues { $0 ?? nil }.write("out")
        },
        "cogroup-windowed": { builder, parameters in
            let windowing = Windowing(parameters: parameters)
            let store = StoreOptions(name: "cg", isCached: false)
            let cogrouped = stream(builder, "in1").groupByKey().cogroup(adding("A"))
                .cogroup(stream(builder, "in2").groupByKey(), adding("B"))
            let kind = try parameters.text("window")
            let table =
                kind == "session"
                ? cogrouped.windowedBy(try windowing.sessions("sizeMs"))
                    .aggregate(
                        initial: { "i" },
                        aggregates: text,
                        store: store,
                        merge: { str($1) + "&" + str($2) }
                    )
                : cogrouped.windowedBy(try windowing.windows(kind))
                    .aggregate(initial: { "i" }, aggregates: text, store: store)
            table.toStream().mapValues { $0 ?? nil }.to("out", keys: Wire.windowedText, values: text)
        },
        "window-then-rekey": { builder, parameters in
            let windowing = Windowing(parameters: parameters)
            stream(builder).groupBy(keys: text, values: text) { _, value in value.map { String($0.suffix(1)) } }
                .windowedBy(try windowing.windows("hopping"))
                .count(store: windowing.store)
                .toStream { windowed, _ -> String? in
                    "\(str(windowed.key))@\(windowed.window.startMs)-\(windowed.window.endMs)"
                }
                .mapValues { count -> String? in "c" + str(count) }
                .write("out")
        },
    ]
}
