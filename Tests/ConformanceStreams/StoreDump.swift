import Millrace
import MillraceTestKit

/// The contents of a store, as a case has them.
struct StoreDump {
    let recorded: ConformanceCase.Store

    init(_ recorded: ConformanceCase.Store) {
        self.recorded = recorded
    }

    func entries(of name: String, in driver: TopologyTestDriver) throws -> [ConformanceCase.StoreEntry] {
        switch recorded.kind {
        case "keyValue", "timestampedKeyValue":
            return try driver.store(name, keys: .bytes, values: .bytes).entries().map { entry in
                ConformanceCase.StoreEntry(
                    key: try Wire.decode(entry.key, as: "string"),
                    value: try Wire.decode(entry.value, as: valueType),
                    ts: recorded.kind == "keyValue" ? nil : entry.timestampMs
                )
            }
        case "window", "timestampedWindow", "session":
            var rows = try driver.windowStore(name, keys: .bytes, values: .bytes).entries()
            if recorded.kind == "session" {
                // A store has the sessions of a key by their ends, a dump by their starts.
                rows.sort { left, right in
                    if left.key.key != right.key.key { return left.key.key.lexicographicallyPrecedes(right.key.key) }
                    return left.key.window < right.key.window
                }
            }
            return try rows.map { entry in
                ConformanceCase.StoreEntry(
                    key: try Wire.decode(entry.key.key, as: "string"),
                    windowStart: entry.key.window.startMs,
                    windowEnd: entry.key.window.endMs,
                    value: try Wire.decode(entry.value, as: valueType),
                    ts: recorded.kind == "timestampedWindow" ? entry.timestampMs : nil
                )
            }
        case "versioned":
            return try recorded.versions(of: name, in: driver)
        case let kind:
            throw NotThereYet(what: "a store of kind \(kind)")
        }
    }

    /// Cases do not say it; all values of a store are of one type.
    private var valueType: String {
        if case .int = recorded.entries?.first?.value { "int64" } else { "string" }
    }
}
