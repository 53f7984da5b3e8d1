import MillraceStreams
import MillraceStreamsRuntime

/// A window or session store that a test looks into, what its cache holds back included; rows past retention are hidden.
/// `TopologyTestDriver.windowStore` makes it.
public struct TestWindowStore<Key, Value> {
    /// One row.
    public struct Entry {
        /// The key and its window.
        public var key: Windowed<Key>
        /// Its value.
        public var value: Value
        /// The timestamp of the value, in milliseconds since 1970; nil in a session store, whose rows have the time of
        /// their sessions' ends.
        public var timestampMs: Int64?
    }

    let driver: TopologyTestDriver
    /// The store's name.
    public let name: String
    let keys: Serde<Key>
    let values: Serde<Value>

    /// The rows of a key, by their windows.
    public func entries(for key: Key) throws -> [Entry] {
        guard let wanted = try keys.bytes(of: key) else { return [] }
        return try entries { $0.elementsEqual(wanted) }
    }

    /// The row of a key whose window begins at a time, in milliseconds since 1970; nil if there is none.
    public func entry(for key: Key, startMs: Int64) throws -> Entry? {
        try entries(for: key).first { $0.key.window.startMs == startMs }
    }

    /// All rows, in the order of the keys' bytes, then of the windows; those of a task with another partition come after.
    public func entries() throws -> [Entry] { try entries { _ in true } }

    private func entries(where isIncluded: (UnsafeRawBufferPointer) -> Bool) throws -> [Entry] {
        var entries: [Entry] = []
        for store in try driver.windowStores(named: name) {
            try store.forEachRow { row in
                guard isIncluded(row.key) else { return }
                entries.append(
                    Entry(
                        key: Windowed(
                            key: try keys.value(of: [UInt8](row.key)),
                            window: Window(startMs: row.startMs, endMs: row.endMs)
                        ),
                        value: try values.value(of: [UInt8](row.value)),
                        timestampMs: row.timestampMs
                    )
                )
            }
        }
        return entries
    }
}

extension TestWindowStore.Entry: Sendable where Key: Sendable, Value: Sendable {}
extension TestWindowStore.Entry: Equatable where Key: Equatable, Value: Equatable {}

extension TopologyTestDriver {
    /// A window or session store to look into, with how its keys and values are read.
    public func windowStore<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>
    ) -> TestWindowStore<Key, Value> {
        TestWindowStore(driver: self, name: name, keys: keys, values: values)
    }

    /// How many records came too late for every window that they belong to.
    public var lateRecords: Int { lateRecordCount }
}
