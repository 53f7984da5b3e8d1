import MillraceStreams
import MillraceStreamsRuntime

/// A versioned store that a test looks into. `TopologyTestDriver.versionedStore` makes it.
public struct TestVersionedStore<Key, Value> {
    let driver: TopologyTestDriver
    /// The store's name.
    public let name: String
    let keys: Serde<Key>
    let values: Serde<Value>

    /// The value that a key has, or had at a time; nil if there was none, or if that is not known any more.
    ///
    /// - Parameter timestampMs: the time in milliseconds since 1970; nil for the latest value.
    public func version(of key: Key, asOf timestampMs: Int64? = nil) throws -> VersionedValue<Value>? {
        guard let bytes = try keys.bytes(of: key) else { return nil }
        for store in try driver.taskStores(named: name) {
            guard let store = store as? any InspectableVersionedStore else {
                throw StreamsError.invalidConfiguration("the store \(name) is not a versioned store")
            }
            var found: VersionedValue<Value>?
            try bytes.withUnsafeBytes { bytes in
                try store.withVersion(of: bytes, asOf: timestampMs) { value, validFromMs, validToMs in
                    found = VersionedValue(
                        try values.value(of: [UInt8](value)),
                        validFromMs: validFromMs,
                        validToMs: validToMs
                    )
                }
            }
            if let found { return found }
        }
        return nil
    }
}

extension TopologyTestDriver {
    /// A versioned store to look into, with how its keys and values are read.
    public func versionedStore<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>
    ) -> TestVersionedStore<Key, Value> {
        TestVersionedStore(driver: self, name: name, keys: keys, values: values)
    }
}
