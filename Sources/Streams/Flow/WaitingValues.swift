import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// The values of each key that wait for their batch, in order: a row for each, and one for how many there are. So a value
/// costs the same however many wait before it, and no row grows with the batch.
///
/// The rows of a key begin with the length of its bytes (4 bytes) and these. Its number of values is kept under that alone,
/// each value under that and its number, 8 bytes, from 0 on.
struct WaitingValues<Key, Value>: StateStore {
    typealias Serdes = StoreSerdes<Key, Value>

    private let counts: KeyValueStore<Key, Int64>
    private let values: KeyValueStore<(Key, Int64), Value>

    init(_ rows: KeyValueRows, keys: Serde<Key>, values: Serde<Value>) {
        counts = KeyValueStore(rows, keys: .beginning(keys), values: .int64)
        self.values = KeyValueStore(rows, keys: .numbered(keys), values: values)
    }

    /// How many values of a key wait.
    func count(of key: Key) throws -> Int { Int(try counts.get(key) ?? 0) }

    /// Adds a value after as many others.
    func add(_ key: Key, _ value: Value, after count: Int) throws {
        try values.put((key, Int64(count)), value)
        try counts.put(key, Int64(count) + 1)
    }

    /// Takes the values of a key out.
    func take(_ key: Key) throws -> [Value] {
        let count = try count(of: key)
        var taken: [Value] = []
        taken.reserveCapacity(count)
        for number in 0..<Int64(count) {
            if let value = try values.delete((key, number)) { taken.append(value) }
        }
        try counts.delete(key)
        return taken
    }
}

extension Stores {
    /// The store behind `WaitingValues`.
    static func waitingValues<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        _ options: StoreOptions,
        renamedFrom: String?
    ) -> StoreReference<WaitingValues<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.keyValue, keys: "\(keys.format) and number", values: "\(values.format) or count"),
            isLogged: options.isLogged,
            isCached: options.isCached,
            changelogConfiguration: options.changelogConfiguration,
            formerName: renamedFrom
        )
        let serdes = StoreSerdes(keys: keys, values: values)
        return StoreReference(definition, serdes) { definition, context in
            let rows = context.store(named: definition.name) {
                KeyValueRows(definition, isTimestamped: false, timeToLiveMs: nil, in: context)
            }
            return WaitingValues(rows, keys: keys, values: values)
        }
    }
}

extension Serde {
    /// Keys as the beginning of longer ones, which begin with no other's: the length of their bytes, and these. They are
    /// only written.
    fileprivate static func beginning(_ keys: Serde<Value>) -> Serde {
        Serde(
            write: { key, writer in
                guard let bytes = try keys.bytes(of: key) else { return false }
                writer.append(UInt32(bytes.count))
                writer.append(bytes)
                return true
            },
            read: { _ in throw SerdeError.invalid("the beginning of a key is only written") },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }

    /// Such a key with a number after it. They are only written.
    fileprivate static func numbered<Key>(_ keys: Serde<Key>) -> Serde where Value == (Key, Int64) {
        let beginning = Serde<Key>.beginning(keys)
        return Serde(
            write: { key, writer in
                guard try beginning.write(key.0, &writer) else { return false }
                writer.append(key.1)
                return true
            },
            read: { _ in throw SerdeError.invalid("a numbered key is only written") },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}
