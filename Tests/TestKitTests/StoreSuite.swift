import Millrace
import Testing

/// The kinds of stores that a processor can have, each as a topology that takes commands from the values of `in` and
/// writes what came of them to `out`: what holds of every store is tested of each of them.
enum StoreKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case keyValue
    case keyValueWithLifetime
    case timestamped
    case timestampedWithLifetime
    case versioned
    case window
    case windowWithDuplicates
    case session

    var testDescription: String { rawValue }

    /// How long the rows of the stores live, or their history or retention: a fifth of a script or so.
    static let lifetimeMs: Int64 = 300
    private static var lifetime: Duration { .milliseconds(lifetimeMs) }

    /// The topology; the store is `st`.
    func topology(isLogged: Bool = true, isCached: Bool) throws -> Topology {
        let builder = StreamsBuilder()
        let lifetime = Self.lifetime
        switch self {
        case .keyValue, .keyValueWithLifetime:
            let store = Stores.keyValue(
                "st",
                keys: .utf8,
                values: .utf8,
                isLogged: isLogged,
                isCached: isCached,
                timeToLive: self == .keyValue ? nil : lifetime
            )
            Self.commands(builder, store, Self.run)
        case .timestamped, .timestampedWithLifetime:
            let store = Stores.timestampedKeyValue(
                "st",
                keys: .utf8,
                values: .utf8,
                isLogged: isLogged,
                isCached: isCached,
                timeToLive: self == .timestamped ? nil : lifetime
            )
            Self.commands(builder, store, Self.run)
        case .versioned:
            let store = Stores.versioned(
                "st",
                keys: .utf8,
                values: .utf8,
                historyRetention: lifetime,
                isLogged: isLogged
            )
            Self.commands(builder, store, Self.run)
        case .window, .windowWithDuplicates:
            let store = Stores.window(
                "st",
                keys: .utf8,
                values: .utf8,
                size: .milliseconds(10),
                retention: lifetime,
                retainsDuplicates: self == .windowWithDuplicates,
                isLogged: isLogged
            )
            Self.commands(builder, store, Self.run)
        case .session:
            let store = Stores.session(
                "st",
                keys: .utf8,
                values: .utf8,
                retention: lifetime,
                isLogged: isLogged
            )
            Self.commands(builder, store, Self.run)
        }
        return try builder.build()
    }

    private static func commands<Store>(
        _ builder: StreamsBuilder,
        _ store: StoreReference<Store>,
        _ run: @escaping @Sendable (StoreCommand, Store) throws -> String
    ) {
        let results: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8)
            .process(stores: store) { record, context, store in
                let command = try StoreCommand(record.value, timeMs: record.timestampMs)
                try context.forward(record.withValue(try run(command, store)))
            }
        results.to("out", keys: .utf8, values: .utf8)
    }

    private static func list(_ rows: [String]) -> String { rows.joined(separator: " ") }

    private static func run(_ command: StoreCommand, _ store: KeyValueStore<String, String>) throws -> String {
        switch command.verb {
        case .put: try store.put(command.key, command.value)
        case .putIfAbsent: return try store.putIfAbsent(command.key, command.value) ?? "-"
        case .delete: return try store.delete(command.key) ?? "-"
        case .get: return try store.get(command.key) ?? "-"
        case .all: return list(try store.all().collect().map { "\($0.key)=\($0.value)" })
        case .range:
            return list(try store.reverseRange(from: "b", through: "f").collect().map { "\($0.key)=\($0.value)" })
        }
        return "ok"
    }

    private static func run(
        _ command: StoreCommand,
        _ store: TimestampedKeyValueStore<String, String>
    ) throws -> String {
        func text(_ found: ValueAndTimestamp<String>?) -> String {
            found.map { "\($0.value)@\($0.timestampMs)" } ?? "-"
        }
        switch command.verb {
        case .put: try store.put(command.key, command.value, timestampMs: command.timeMs)
        case .putIfAbsent: return text(try store.putIfAbsent(command.key, command.value))
        case .delete: return text(try store.delete(command.key))
        case .get: return text(try store.get(command.key))
        case .all: return list(try store.all().collect().map { "\($0.key)=\(text($0.value))" })
        case .range:
            return list(try store.range(from: "b", through: nil).collect().map { "\($0.key)=\(text($0.value))" })
        }
        return "ok"
    }

    private static func run(_ command: StoreCommand, _ store: VersionedStore<String, String>) throws -> String {
        func text(_ found: VersionedValue<String>?) -> String {
            found.map { "\($0.value)@\($0.validFromMs)-\($0.validToMs.map(String.init) ?? "")" } ?? "-"
        }
        switch command.verb {
        case .put, .putIfAbsent:
            return "\(try store.put(command.key, command.value, timestampMs: command.timeMs))"
        case .delete: return text(try store.delete(command.key, timestampMs: command.timeMs))
        case .get: return text(try store.get(command.key, asOf: command.timeMs))
        case .all: return list(try "abcdefgh".map { text(try store.get(String($0))) })
        case .range: return list(try store.versions(of: command.key).map(text))
        }
    }

    private static func run(_ command: StoreCommand, _ store: WindowStore<String, String>) throws -> String {
        let startMs = command.timeMs / 10 * 10
        func row(_ row: WindowStore<String, String>.Row) -> String { "\(row.key)=\(row.value)" }
        switch command.verb {
        case .put, .putIfAbsent: try store.put(command.key, command.value, startMs: startMs)
        case .delete: try store.put(command.key, nil, startMs: startMs)
        case .get: return try store.get(command.key, startMs: startMs) ?? "-"
        case .all: return list(try store.all().collect().map(row))
        case .range:
            return list(
                try store.backwardFetch(command.key, from: 0, through: startMs).collect()
                    .map { "\($0.startMs)=\($0.value)" }
            )
        }
        return "ok"
    }

    private static func run(_ command: StoreCommand, _ store: SessionStore<String, String>) throws -> String {
        let session = Window(startMs: command.timeMs / 40 * 40, endMs: command.timeMs / 40 * 40 + command.timeMs % 3)
        func row(_ row: SessionStore<String, String>.Row) -> String { "\(row.key)=\(row.value)" }
        switch command.verb {
        case .put, .putIfAbsent: try store.put(command.key, session, command.value)
        case .delete: try store.remove(command.key, session)
        case .get: return try store.get(command.key, session) ?? "-"
        case .all: return list(try store.findSessions(keysFrom: nil, through: nil).collect().map(row))
        case .range:
            return list(
                try store.findSessions(
                    command.key,
                    earliestEndMs: command.timeMs - 50,
                    latestStartMs: command.timeMs
                ).collect().map(row)
            )
        }
        return "ok"
    }
}

/// What a record asks of the store: `verb key value`, with a time that may lie before the record's.
struct StoreCommand {
    enum Verb: String, CaseIterable {
        case put, putIfAbsent, delete, get, all, range
    }

    struct Unreadable: Error {}

    var verb: Verb
    var key: String
    var value: String
    var timeMs: Int64

    init(_ text: String, timeMs recordMs: Int64) throws {
        let words = text.split(separator: " ").map(String.init)
        guard words.count == 4, let verb = Verb(rawValue: words[0]), let lateness = Int64(words[3]) else {
            throw Unreadable()
        }
        self.verb = verb
        key = words[1]
        value = words[2]
        timeMs = max(0, recordMs - lateness)
    }

    /// A random script: the commands and their times. Mostly in order, now and then late, now and then a leap.
    static func script(seed: UInt64, count: Int) -> [(text: String, timeMs: Int64)] {
        var random = SeededRandom(seed: seed)
        var nowMs: Int64 = 1_000
        return (0..<count).map { number in
            nowMs += Int64.random(in: 0...12, using: &random)
            if Int.random(in: 0..<90, using: &random) == 0 { nowMs += StoreKind.lifetimeMs * 2 }
            let verbs: [Verb] = [.put, .put, .put, .put, .putIfAbsent, .delete, .get, .get, .all, .range]
            let verb = verbs[Int.random(in: 0..<verbs.count, using: &random)]
            let letter = Array("abcdefgh")[Int.random(in: 0..<8, using: &random)]
            let isLate = Int.random(in: 0..<5, using: &random) == 0
            let lateness = isLate ? Int64.random(in: 0...400, using: &random) : 0
            let recordMs = Int.random(in: 0..<8, using: &random) == 0 ? max(0, nowMs - 150) : nowMs
            return ("\(verb) \(letter) v\(number) \(lateness)", recordMs)
        }
    }
}
