import MillraceRecordFormat
import MillraceStreams
import MillraceStreamsRuntime

/// A topic that a test writes to. `TopologyTestDriver.input` makes it.
public struct TestInput<Key, Value> {
    let driver: TopologyTestDriver
    /// The topic.
    public let topic: String
    let keys: Serde<Key>
    let values: Serde<Value>

    /// Appends a record and processes everything that follows from it.
    ///
    /// - Parameters:
    ///   - key: the key; nil is null.
    ///   - value: the value; nil is null.
    ///   - timestampMs: milliseconds since 1970; nil for the driver's wall clock.
    ///   - headers: the record's headers.
    ///   - partition: where to append; nil for the partition of the key, 0 without a key.
    public func pipe(
        _ key: Key?,
        _ value: Value?,
        at timestampMs: Int64? = nil,
        headers: RecordHeaders = [],
        partition: Int32? = nil
    ) throws {
        try driver.pipe(
            key: try key.flatMap { try keys.bytes(of: $0) },
            value: try value.flatMap { try values.bytes(of: $0) },
            to: topic,
            at: timestampMs,
            headers: headers,
            partition: partition
        )
    }
}

/// A topic that a test reads. `TopologyTestDriver.output` makes it; all outputs of one topic share the place up to which
/// it was read.
public struct TestOutput<Key, Value> {
    let driver: TopologyTestDriver
    /// The topic.
    public let topic: String
    let keys: Serde<Key>
    let values: Serde<Value>

    /// Takes the next record that was not read yet; nil if there is none.
    public func read() throws -> TestRecord<Key, Value>? {
        guard let record = driver.readRaw(from: topic) else { return nil }
        return TestRecord(
            key: try record.key.map { try keys.value(of: $0) },
            value: try record.value.map { try values.value(of: $0) },
            timestampMs: record.timestampMs,
            headers: record.headers,
            topic: record.topic,
            partition: record.partition,
            offset: record.offset
        )
    }

    /// Takes all records that were not read yet, partition by partition.
    public func readAll() throws -> [TestRecord<Key, Value>] {
        var records: [TestRecord<Key, Value>] = []
        while let record = try read() { records.append(record) }
        return records
    }
}

/// A key-value store that a test looks into, what its cache holds back included. `TopologyTestDriver.store` makes it.
public struct TestStore<Key, Value> {
    /// One row.
    public struct Entry {
        /// The key.
        public var key: Key
        /// Its value.
        public var value: Value
        /// The timestamp of the value, in milliseconds since 1970.
        public var timestampMs: Int64
    }

    let driver: TopologyTestDriver
    /// The store's name.
    public let name: String
    let keys: Serde<Key>
    let values: Serde<Value>

    /// The row of a key; nil if there is none.
    public func entry(for key: Key) throws -> Entry? {
        guard let wanted = try keys.bytes(of: key) else { return nil }
        var found: Entry?
        for store in try driver.stores(named: name) {
            try store.forEachEntry { bytes, value, timestampMs in
                guard found == nil, bytes.elementsEqual(wanted) else { return }
                found = Entry(key: key, value: try values.value(of: [UInt8](value)), timestampMs: timestampMs)
            }
        }
        return found
    }

    /// The value of a key; nil if there is none.
    public func value(for key: Key) throws -> Value? { try entry(for: key)?.value }

    /// All rows, in the order of the keys' bytes; those of a task with another partition come after.
    public func entries() throws -> [Entry] {
        var entries: [Entry] = []
        for store in try driver.stores(named: name) {
            try store.forEachEntry { key, value, timestampMs in
                entries.append(
                    Entry(
                        key: try keys.value(of: [UInt8](key)),
                        value: try values.value(of: [UInt8](value)),
                        timestampMs: timestampMs
                    )
                )
            }
        }
        return entries
    }
}

extension TestStore.Entry: Sendable where Key: Sendable, Value: Sendable {}
extension TestStore.Entry: Equatable where Key: Equatable, Value: Equatable {}

extension TopologyTestDriver {
    /// A topic to write to, with how its keys and values are written.
    public func input<Key, Value>(_ topic: String, keys: Serde<Key>, values: Serde<Value>) -> TestInput<Key, Value> {
        TestInput(driver: self, topic: topic, keys: keys, values: values)
    }

    /// A topic to read, with how its keys and values are read.
    public func output<Key, Value>(_ topic: String, keys: Serde<Key>, values: Serde<Value>) -> TestOutput<Key, Value> {
        TestOutput(driver: self, topic: topic, keys: keys, values: values)
    }

    /// A key-value store to look into, with how its keys and values are read.
    public func store<Key, Value>(_ name: String, keys: Serde<Key>, values: Serde<Value>) -> TestStore<Key, Value> {
        TestStore(driver: self, name: name, keys: keys, values: values)
    }
}
