import MillraceTopology

/// A manifest as text, so that people can read it with any consumer: a line for each thing, of fields that are separated
/// by tabs, each a name and a value. Fields that are not known are passed over; another version is refused.
///
///     millrace-topology   1
///     input   name=orders   partitions=4
///     pattern   name=events   topics=events-*
///     store   name=totals   partitions=4   live=true   kind=key-value   keys=utf8   values=int64
///     repartition   name=by-customer-repartition   partitions=4   keys=utf8   values=json(Order)
extension TopologyManifest {
    /// Why a text is not a manifest.
    struct Unreadable: Error, Hashable {
        var reason: String
    }

    private static let heading = "millrace-topology"
    private static let version = "1"

    /// The text.
    var text: String {
        var lines = ["\(Self.heading)\t\(Self.version)"]
        func add(_ kind: String, _ fields: [(String, String)]) {
            lines.append(([kind] + fields.map { "\($0.0)=\(Self.escaped($0.1))" }).joined(separator: "\t"))
        }
        if isBeingReset { add("reset", []) }
        for (name, partitions) in inputs.sorted(by: { $0.key < $1.key }) {
            add("input", [("name", name), ("partitions", "\(partitions)")])
        }
        for (name, pattern) in patterns.sorted(by: { $0.key < $1.key }) {
            add("pattern", [("name", name), ("topics", pattern)])
        }
        for (name, store) in stores.sorted(by: { $0.key < $1.key }) {
            var fields = [
                ("name", name), ("partitions", "\(store.partitions)"), ("live", "\(store.isLive)"),
                ("kind", store.format.kind.rawValue), ("keys", store.format.keys), ("values", store.format.values),
            ]
            if let sourceTopic = store.sourceTopic { fields.append(("source", sourceTopic)) }
            if let retentionMs = store.format.retentionMs { fields.append(("retentionMs", "\(retentionMs)")) }
            fields += store.format.sizes.sorted { $0.key < $1.key }.map { ("size.\($0.key)", "\($0.value)") }
            fields += store.changelogConfiguration.sorted { $0.key < $1.key }.map { ("topic.\($0.key)", $0.value) }
            add("store", fields)
        }
        for (name, topic) in repartitionTopics.sorted(by: { $0.key < $1.key }) {
            var fields = [("name", name), ("partitions", "\(topic.partitions)")]
            if let format = topic.format { fields += [("keys", format.keys), ("values", format.values)] }
            add("repartition", fields)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Reads a text.
    init(text: String) throws(Unreadable) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: true)
        guard let first = lines.first, first.hasPrefix("\(Self.heading)\t") else {
            throw Unreadable(reason: "it does not begin with \(Self.heading)")
        }
        guard first == "\(Self.heading)\t\(Self.version)" else {
            throw Unreadable(reason: "it is of another version: \(first.dropFirst(Self.heading.count + 1))")
        }
        lines.removeFirst()
        for line in lines {
            var fields = Fields(line)
            switch fields.kind {
            case "reset": isBeingReset = true
            case "input": inputs[try fields.text("name")] = try fields.number("partitions")
            case "pattern": patterns[try fields.text("name")] = try fields.text("topics")
            case "store": stores[try fields.text("name")] = try Store(&fields)
            case "repartition":
                let format =
                    try fields.has("keys")
                    ? TopicFormat(keys: fields.text("keys"), values: fields.text("values")) : nil
                repartitionTopics[try fields.text("name")] = RepartitionTopic(
                    partitions: try fields.number("partitions"),
                    format: format
                )
            default: throw Unreadable(reason: "\"\(fields.kind)\" is not known")
            }
        }
    }

    /// The fields of one line.
    fileprivate struct Fields {
        let kind: String
        private(set) var values: [String: String] = [:]

        init(_ line: Substring) {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            kind = String(parts[0])
            for part in parts.dropFirst() {
                guard let separator = part.firstIndex(of: "=") else { continue }
                values[String(part[..<separator])] = TopologyManifest.unescaped(part[part.index(after: separator)...])
            }
        }

        func has(_ name: String) -> Bool { values[name] != nil }

        func text(_ name: String) throws(Unreadable) -> String {
            guard let value = values[name] else { throw Unreadable(reason: "a line \"\(kind)\" has no \(name)") }
            return value
        }

        func number<Number: FixedWidthInteger>(_ name: String) throws(Unreadable) -> Number {
            let value = try text(name)
            guard let number = Number(value) else { throw Unreadable(reason: "\(name) is \"\(value)\", no number") }
            return number
        }

        /// The fields whose names begin with a prefix, which is taken off.
        func all(_ prefix: String) -> [(String, String)] {
            values.compactMap { $0.key.hasPrefix(prefix) ? (String($0.key.dropFirst(prefix.count)), $0.value) : nil }
        }
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\t": result += "\\t"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func unescaped(_ text: Substring) -> String {
        var result = ""
        var isEscaped = false
        for character in text.unicodeScalars {
            switch (isEscaped, character) {
            case (false, "\\"):
                isEscaped = true
                continue
            case (true, "t"): result += "\t"
            case (true, "n"): result += "\n"
            case (true, _), (false, _): result.unicodeScalars.append(character)
            }
            isEscaped = false
        }
        return result
    }
}

extension TopologyManifest.Store {
    fileprivate init(_ fields: inout TopologyManifest.Fields) throws(TopologyManifest.Unreadable) {
        let kindName = try fields.text("kind")
        guard let kind = StoreFormat.Kind(rawValue: kindName) else {
            throw TopologyManifest.Unreadable(reason: "there is no kind of store \"\(kindName)\"")
        }
        var sizes: [String: Int64] = [:]
        for (name, _) in fields.all("size.") { sizes[name] = try fields.number("size.\(name)") }
        self.init(
            format: StoreFormat(
                kind,
                keys: try fields.text("keys"),
                values: try fields.text("values"),
                sizes: sizes,
                retentionMs: fields.has("retentionMs") ? try fields.number("retentionMs") : nil
            ),
            partitions: try fields.number("partitions"),
            changelogConfiguration: Dictionary(fields.all("topic."), uniquingKeysWith: { first, _ in first }),
            isLive: try fields.text("live") == "true",
            sourceTopic: fields.has("source") ? try fields.text("source") : nil
        )
    }
}
