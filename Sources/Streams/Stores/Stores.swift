import MillraceStreamsRuntime
import MillraceTopology

/// Describes stores for processors. What Kafka Streams calls `Stores`.
///
/// A description becomes part of the topology when an operator is connected to it, and gets that operator the store with
/// its types:
///
///     let seen = Stores.keyValue("seen", keys: .utf8, values: .int64)
///
/// All of them keep their rows in memory and write each change to a changelog topic, from which they are restored; with
/// `isCached` only the last change of a key between two commits.
public enum Stores {
    /// A store with one value for each key.
    ///
    /// - Parameters:
    ///   - name: the store's name, which its changelog topic is named after.
    ///   - keys: how keys are written and read.
    ///   - values: how values are written and read.
    ///   - isLogged: whether there is a changelog topic. Without it the rows are lost when the task moves or the
    ///     application stops.
    ///   - isCached: whether changes are held back until the commit, so that only the last one of each key is written.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    public static func keyValue<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        isLogged: Bool = true,
        isCached: Bool = false,
        changelogConfiguration: [String: String] = [:]
    ) -> StoreReference<KeyValueStore<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.keyValue, keys: keys.format, values: values.format),
            isLogged: isLogged,
            isCached: isCached,
            changelogConfiguration: changelogConfiguration
        )
        return StoreReference(definition) { definition, context in
            let rows = context.store(named: definition.name) {
                KeyValueRows(definition, isTimestamped: false, in: context)
            }
            return KeyValueStore(rows, keys: keys, values: values)
        }
    }

    /// A store with one value for each key, and the value's timestamp.
    ///
    /// - Parameters:
    ///   - name: the store's name, which its changelog topic is named after.
    ///   - keys: how keys are written and read.
    ///   - values: how values are written and read.
    ///   - isLogged: whether there is a changelog topic. Without it the rows are lost when the task moves or the
    ///     application stops.
    ///   - isCached: whether changes are held back until the commit, so that only the last one of each key is written.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    public static func timestampedKeyValue<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        isLogged: Bool = true,
        isCached: Bool = false,
        changelogConfiguration: [String: String] = [:]
    ) -> StoreReference<TimestampedKeyValueStore<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.keyValue, keys: keys.format, values: values.format),
            isLogged: isLogged,
            isCached: isCached,
            changelogConfiguration: changelogConfiguration
        )
        return StoreReference(definition) { definition, context in
            let rows = context.store(named: definition.name) {
                KeyValueRows(definition, isTimestamped: true, in: context)
            }
            return TimestampedKeyValueStore(rows, keys: keys, values: values)
        }
    }
}
