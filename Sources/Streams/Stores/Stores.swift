import MillracePrimitives
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
///
/// **Time to live.** A row that is too old is not found any more from that moment of stream time on. It is removed, with
/// a record in the changelog, when the store is used afterwards, a few rows with each call; nothing is passed on to other
/// operators, as a processor passes on what it wants to.
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
    ///   - timeToLive: how long a row is kept after its last write, by stream time: the greatest timestamp of the
    ///     records that the task has processed. nil for ever.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    public static func keyValue<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        isLogged: Bool = true,
        isCached: Bool = false,
        timeToLive: Duration? = nil,
        changelogConfiguration: [String: String] = [:]
    ) -> StoreReference<KeyValueStore<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.keyValue, keys: keys.format, values: values.format),
            isLogged: isLogged,
            isCached: isCached,
            changelogConfiguration: changelogConfiguration
        )
        let timeToLiveMs = timeToLive.map { max(1, $0.wholeMilliseconds) }
        return StoreReference(definition, problem: lifetimeProblem(timeToLive)) { definition, context in
            let rows = context.store(named: definition.name) {
                KeyValueRows(definition, isTimestamped: false, timeToLiveMs: timeToLiveMs, in: context)
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
    ///   - timeToLive: how old a row may become, by its timestamp and the stream time: the greatest timestamp of the
    ///     records that the task has processed. A value that is put with a timestamp too old already removes the row. nil
    ///     for ever.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    public static func timestampedKeyValue<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        isLogged: Bool = true,
        isCached: Bool = false,
        timeToLive: Duration? = nil,
        changelogConfiguration: [String: String] = [:]
    ) -> StoreReference<TimestampedKeyValueStore<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.keyValue, keys: keys.format, values: values.format),
            isLogged: isLogged,
            isCached: isCached,
            changelogConfiguration: changelogConfiguration
        )
        let timeToLiveMs = timeToLive.map { max(1, $0.wholeMilliseconds) }
        return StoreReference(definition, problem: lifetimeProblem(timeToLive)) { definition, context in
            let rows = context.store(named: definition.name) {
                KeyValueRows(definition, isTimestamped: true, timeToLiveMs: timeToLiveMs, in: context)
            }
            return TimestampedKeyValueStore(rows, keys: keys, values: values)
        }
    }

    /// A store of the values that each key has had over time.
    ///
    /// - Parameters:
    ///   - name: the store's name, which its changelog topic is named after.
    ///   - keys: how keys are written and read.
    ///   - values: how values are written and read.
    ///   - historyRetention: how far back from the greatest timestamp put so far values are known.
    ///   - isLogged: whether there is a changelog topic. Without it the rows are lost when the task moves or the
    ///     application stops.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    public static func versioned<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        historyRetention: Duration,
        isLogged: Bool = true,
        changelogConfiguration: [String: String] = [:]
    ) -> StoreReference<VersionedStore<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(
                .versioned,
                keys: keys.format,
                values: values.format,
                retentionMs: historyRetention.wholeMilliseconds
            ),
            isLogged: isLogged,
            isCached: false,
            changelogConfiguration: changelogConfiguration
        )
        let historyMs = max(0, historyRetention.wholeMilliseconds)
        let problem = historyRetention < .zero ? "its history retention, \(historyRetention), is negative" : nil
        return StoreReference(definition, problem: problem) { definition, context in
            let rows = context.store(named: definition.name) {
                VersionedRows(definition, historyMs: historyMs, in: context)
            }
            return VersionedStore(rows, keys: keys, values: values)
        }
    }

    static func lifetimeProblem(_ timeToLive: Duration?) -> String? {
        guard let timeToLive, timeToLive < .milliseconds(1) else { return nil }
        return "its time to live, \(timeToLive), is less than a millisecond"
    }
}
