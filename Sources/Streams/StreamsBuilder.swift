import MillraceLogClient
import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// Begins a topology: names the topics that it reads, and at the end checks everything.
///
///     let builder = StreamsBuilder()
///     builder.stream("lines", keys: .ignored, values: .utf8)
///         .flatMapValues { line in line.split(separator: " ").map(String.init) }
///         .groupBy(keys: .utf8) { _, word in word }
///         .count(store: "word-counts")
///         .toStream()
///         .to("word-counts", keys: .utf8, values: .int64)
///     let topology = try builder.build()
///
/// Used by one thread; the topology that it builds can be used by any.
public final class StreamsBuilder {
    let assembly = TopologyAssembly()

    /// Makes an empty builder.
    public init() {}

    /// Reads a topic as a stream of records.
    ///
    /// - Parameters:
    ///   - topic: the topic; it must exist when the application starts.
    ///   - keys: how keys are read.
    ///   - values: how values are read.
    ///   - timestamps: what tells the time of the records.
    ///   - offsetReset: where to begin without a committed position; nil for the application's setting.
    ///   - idleAfter: lets time go on while no record comes, so that windows and suppressions close on a stream that has
    ///     stopped. When the topic's partition has been silent for this long by the wall clock, the task's stream time is
    ///     that of its last record and goes on with the wall clock, in steps of a second that grow to a twentieth of the
    ///     silence; a record that comes afterwards with an earlier timestamp is late. Time does not go on while another
    ///     source of the task has records to process, or beyond the time of one that had a record within its own pause
    ///     (the longest given, where none is). Operators behind a repartition topic inherit the pause and count it from
    ///     the last record there: what operators before it give only as time goes on may then be late for them, unless
    ///     they have a grace period. Nil: time stands still without records, as in Kafka Streams.
    ///   - name: the operator's name; nil for one made from the topic's.
    @inlinable
    public func stream<Key, Value>(
        _ topic: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value> = .ofRecord(),
        offsetReset: OffsetReset? = nil,
        idleAfter: Duration? = nil,
        named name: String? = nil
    ) -> KStream<Key, Value> {
        stream(
            [topic],
            keys: keys,
            values: values,
            timestamps: timestamps,
            offsetReset: offsetReset,
            idleAfter: idleAfter,
            named: name
        )
    }

    /// Reads several topics of one kind as one stream.
    @inlinable
    public func stream<Key, Value>(
        _ topics: [String],
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value> = .ofRecord(),
        offsetReset: OffsetReset? = nil,
        idleAfter: Duration? = nil,
        named name: String? = nil
    ) -> KStream<Key, Value> {
        let stream = KStream(
            source: topics.map { .external($0) },
            named: name,
            in: shared,
            keys: keys,
            values: values,
            timestamps: timestamps,
            offsetReset: offsetReset
        )
        if let idleAfter { shared.graph.setIdle(stream.node, afterMs: idleAfter.wholeMilliseconds) }
        return stream
    }

    /// Reads all topics that fit a pattern as one stream: those that there are when the application starts, and those that
    /// are made while it runs, which begin with a rebalance. The application's own internal topics never fit.
    ///
    /// Where the stream's records come together by key, in a store or a join, its topics must have equally many partitions,
    /// and a new one with more stops the application: its internal topics cannot grow while it runs. A topic must not fit
    /// two sources.
    ///
    /// - Parameters:
    ///   - pattern: which topics, by their names.
    ///   - keys: how keys are read.
    ///   - values: how values are read.
    ///   - timestamps: what tells the time of the records.
    ///   - offsetReset: where to begin in a topic without a committed position, also in a new one; nil for the application's
    ///     setting. With `.latest`, what is written to a new topic before the application has found it is not read.
    ///   - idleAfter: lets time go on while no record comes; see `stream`.
    ///   - name: the operator's name; nil for one made from the pattern.
    @inlinable
    public func stream<Key, Value>(
        matching pattern: TopicPattern,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value> = .ofRecord(),
        offsetReset: OffsetReset? = nil,
        idleAfter: Duration? = nil,
        named name: String? = nil
    ) -> KStream<Key, Value> {
        let stream = KStream(
            reading: .patternSource(pattern),
            named: name,
            in: shared,
            keys: keys,
            values: values,
            timestamps: timestamps,
            offsetReset: offsetReset
        )
        if let idleAfter { shared.graph.setIdle(stream.node, afterMs: idleAfter.wholeMilliseconds) }
        return stream
    }

    /// Reads a topic as a table: the last value of each key. A null value removes its key; records without a key are
    /// left out.
    ///
    /// - Parameters:
    ///   - topic: the topic; usually a compacted one.
    ///   - keys: how keys are read and stored.
    ///   - values: how values are read and stored.
    ///   - store: where the table is kept; nil for a store only if an operator needs one, as a join does.
    ///   - restoresFromTopic: whether the store has no changelog, and is restored from the topic itself, up to the committed
    ///     input offset; Kafka: `reuse.ktable.source.topics`. The topic must keep the last record of each key, as a
    ///     compacted one does, and is read from its beginning. Where it is compacted past the committed offset while the
    ///     application is behind, values that were replaced there meanwhile are missing after a crash until the new ones
    ///     are read; `min.compaction.lag.ms` of the topic keeps them for so long. Cannot be taken back without a reset.
    ///   - timestamps: what tells the time of the records; their keys and values may be nil.
    ///   - offsetReset: where to begin without a committed position; nil for the application's setting.
    ///   - idleAfter: lets time go on while no record comes; see `stream`.
    ///   - name: the operator's name; nil for one made from the topic's.
    @inlinable
    public func table<Key, Value>(
        _ topic: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        store: StoreOptions? = nil,
        restoresFromTopic: Bool = false,
        timestamps: TimestampExtractor<Key?, Value?> = .ofRecord(),
        offsetReset: OffsetReset? = nil,
        idleAfter: Duration? = nil,
        named name: String? = nil
    ) -> KTable<Key, Value> {
        let source = KStream(
            source: [.external(topic)],
            named: name,
            in: shared,
            keys: keys.optional,
            values: values.optional,
            timestamps: timestamps,
            offsetReset: restoresFromTopic ? .earliest : offsetReset
        )
        if restoresFromTopic {
            shared.checkRestoration(of: source.node, from: topic, hasOwnTimes: !timestamps.isPlain, offsetReset)
        }
        if let idleAfter { shared.graph.setIdle(source.node, afterMs: idleAfter.wholeMilliseconds) }
        return source.materialized(
            operation: "table",
            keys: keys,
            values: values,
            store: store,
            sourceTopic: restoresFromTopic ? topic : nil
        )
    }

    @usableFromInline var shared: TopologyAssembly { assembly }

    /// Checks the topology; throws all of its mistakes at once, each with the operator's name.
    public func build() throws(TopologyError) -> Topology {
        try assembly.build()
    }
}
