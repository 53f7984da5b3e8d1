import MillraceStreams
import MillraceStreamsRuntime

/// A versioned store that a test looks into. `TopologyTestDriver.versionedStore` makes it.
public struct TestVersionedStore<Key, Value> {
    let driver: TopologyTestDriver
    /// The store's name.
    public let name: String
    let keys: Serde<Key>
    let values: Serde<Value>

    /// The latest value of a key; nil if there is none.
    public func latest(for key: Key) throws -> VersionedValue<Value>? { try version(for: key, asOf: nil) }

    /// The value that a key had at a time, in milliseconds since 1970; nil if it had none, or if that is not known any
    /// more.
    public func version(for key: Key, asOf timestampMs: Int64) throws -> VersionedValue<Value>? {
        try version(for: key, asOf: Int64?.some(timestampMs))
    }

    private func version(for key: Key, asOf timestampMs: Int64?) throws -> VersionedValue<Value>? {
        guard let bytes = try keys.bytes(of: key) else { return nil }
        var found: VersionedValue<Value>?
        for store in try driver.versionedStores(named: name) where found == nil {
            try bytes.withUnsafeBytes { bytes in
                try store.withVersion(of: bytes, asOf: timestampMs) { value, validFromMs, validToMs in
                    found = VersionedValue(
                        try values.value(of: [UInt8](value)),
                        validFromMs: validFromMs,
                        validToMs: validToMs
                    )
                }
            }
        }
        return found
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
