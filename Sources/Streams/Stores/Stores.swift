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
/// All of them keep their rows in memory and write each change to a changelog topic, from which they are restored.
/// Key-value stores may be cached, and then write only the last change of a key between two commits.
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
    ///   - renamedFrom: what the store was called before: when the application starts for the first time with the new name,
    ///     the store takes over the rows of the old one. May stay afterwards.
    public static func keyValue<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        isLogged: Bool = true,
        isCached: Bool = false,
        timeToLive: Duration? = nil,
        changelogConfiguration: [String: String] = [:],
        renamedFrom: String? = nil
    ) -> StoreReference<KeyValueStore<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.keyValue, keys: keys.format, values: values.format),
            isLogged: isLogged,
            isCached: isCached,
            changelogConfiguration: changelogConfiguration,
            formerName: renamedFrom
        )
        let timeToLiveMs = timeToLive.map { max(1, $0.wholeMilliseconds) }
        let serdes = StoreSerdes(keys: keys, values: values)
        return StoreReference(definition, serdes, problem: lifetimeProblem(timeToLive)) { definition, context in
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
    ///   - renamedFrom: what the store was called before: when the application starts for the first time with the new name,
    ///     the store takes over the rows of the old one. May stay afterwards.
    public static func timestampedKeyValue<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        isLogged: Bool = true,
        isCached: Bool = false,
        timeToLive: Duration? = nil,
        changelogConfiguration: [String: String] = [:],
        renamedFrom: String? = nil
    ) -> StoreReference<TimestampedKeyValueStore<Key, Value>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.keyValue, keys: keys.format, values: values.format),
            isLogged: isLogged,
            isCached: isCached,
            changelogConfiguration: changelogConfiguration,
            formerName: renamedFrom
        )
        let timeToLiveMs = timeToLive.map { max(1, $0.wholeMilliseconds) }
        let serdes = StoreSerdes(keys: keys, values: values)
        return StoreReference(definition, serdes, problem: lifetimeProblem(timeToLive)) { definition, context in
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
    ///   - renamedFrom: what the store was called before: when the application starts for the first time with the new name,
    ///     the store takes over the rows of the old one. May stay afterwards.
    public static func versioned<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        historyRetention: Duration,
        isLogged: Bool = true,
        changelogConfiguration: [String: String] = [:],
        renamedFrom: String? = nil
    ) -> StoreReference<VersionedStore<Key, Value>> {
        let historyMs = max(0, historyRetention.wholeMilliseconds)
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.versioned, keys: keys.format, values: values.format, retentionMs: historyMs),
            isLogged: isLogged,
            isCached: false,
            changelogConfiguration: changelogConfiguration,
            formerName: renamedFrom
        )
        let problem = historyRetention < .zero ? "its history retention, \(historyRetention), is negative" : nil
        let serdes = StoreSerdes(keys: keys, values: values)
        return StoreReference(definition, serdes, problem: problem) { definition, context in
            let rows = context.store(named: definition.name) {
                VersionedRows(definition, historyMs: historyMs, in: context)
            }
            return VersionedStore(rows, keys: keys, values: values)
        }
    }

    /// A store of values by key and window start.
    ///
    /// - Parameters:
    ///   - name: the store's name, which its changelog topic is named after.
    ///   - keys: how keys are written and read.
    ///   - values: how values are written and read.
    ///   - size: the size of the windows, which rows of several keys come with.
    ///   - retention: how long a row can be found, measured from the greatest window start ever put.
    ///   - retainsDuplicates: whether a key can have several values of one start.
    ///   - isLogged: whether there is a changelog topic. Without it the rows are lost when the task moves or the
    ///     application stops.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    ///   - renamedFrom: what the store was called before: when the application starts for the first time with the new name,
    ///     the store takes over the rows of the old one. May stay afterwards.
    public static func window<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        size: Duration,
        retention: Duration,
        retainsDuplicates: Bool = false,
        isLogged: Bool = true,
        changelogConfiguration: [String: String] = [:],
        renamedFrom: String? = nil
    ) -> StoreReference<WindowStore<Key, Value>> {
        let retentionMs = max(0, retention.wholeMilliseconds)
        let sizeMs = size.wholeMilliseconds
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(
                .window,
                keys: keys.format,
                values: values.format,
                sizes: ["windowSizeMs": sizeMs],
                retentionMs: retentionMs
            ),
            isLogged: isLogged,
            isCached: false,
            changelogConfiguration: WindowChangelog.configuration(changelogConfiguration),
            formerName: renamedFrom
        )
        var problem: String?
        if sizeMs < 1 {
            problem = "its windows of \(size) are shorter than a millisecond"
        } else if retentionMs < sizeMs {
            problem = "its retention, \(retention), is shorter than its windows, \(size)"
        }
        let serdes = StoreSerdes(keys: keys, values: values)
        return StoreReference(definition, serdes, problem: problem) { definition, context in
            let rows = context.store(named: definition.name) {
                WindowRows(
                    definition,
                    sizeMs: sizeMs,
                    retentionMs: retentionMs,
                    retainsDuplicates: retainsDuplicates,
                    in: context
                )
            }
            return WindowStore(rows, keys: keys, values: values)
        }
    }

    /// A store of values by key and session.
    ///
    /// - Parameters:
    ///   - name: the store's name, which its changelog topic is named after.
    ///   - keys: how keys are written and read.
    ///   - values: how values are written and read.
    ///   - retention: how long a session can be found, measured from the greatest session end ever put.
    ///   - isLogged: whether there is a changelog topic. Without it the rows are lost when the task moves or the
    ///     application stops.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    ///   - renamedFrom: what the store was called before: when the application starts for the first time with the new name,
    ///     the store takes over the rows of the old one. May stay afterwards.
    public static func session<Key, Value>(
        _ name: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        retention: Duration,
        isLogged: Bool = true,
        changelogConfiguration: [String: String] = [:],
        renamedFrom: String? = nil
    ) -> StoreReference<SessionStore<Key, Value>> {
        let retentionMs = max(0, retention.wholeMilliseconds)
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.session, keys: keys.format, values: values.format, retentionMs: retentionMs),
            isLogged: isLogged,
            isCached: false,
            changelogConfiguration: WindowChangelog.configuration(changelogConfiguration),
            formerName: renamedFrom
        )
        let problem = retention < .zero ? "its retention, \(retention), is negative" : nil
        let serdes = StoreSerdes(keys: keys, values: values)
        return StoreReference(definition, serdes, problem: problem) { definition, context in
            let rows = context.store(named: definition.name) {
                SessionRows(definition, retentionMs: retentionMs, in: context)
            }
            return SessionStore(rows, keys: keys, values: values)
        }
    }

    static func lifetimeProblem(_ timeToLive: Duration?) -> String? {
        guard let timeToLive, timeToLive < .milliseconds(1) else { return nil }
        return "its time to live, \(timeToLive), is less than a millisecond"
    }
}
