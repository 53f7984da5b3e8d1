import MillraceStreamsRuntime
import MillraceTopology

/// A table that every instance of the application has whole: what Kafka Streams calls `GlobalKTable`.
///
/// It is filled from its topic before the first record is processed, and follows the topic from then on. A stream joins
/// it by any key that a record leads to, without a repartition topic and whatever the numbers of partitions are.
///
/// Each stream thread keeps a copy of its own in memory, so that a look-up takes no lock: meant for tables that are small
/// beside the machine's memory.
public struct GlobalKTable<Key, Value> {
    @usableFromInline let table: KTable<Key, Value>

    /// The name of the store that holds the table: interactive queries find it there.
    public let queryableStoreName: String

    @usableFromInline
    init(_ table: KTable<Key, Value>, storeName: String) {
        self.table = table
        queryableStoreName = storeName
    }

    /// The rows as the operators of a task find them, without being connected to their store.
    @inlinable var rows: TableRows<Key, Value> {
        let rows = table.backing.rows()
        return TableRows(stores: []) { context in rows.compose(context.globals ?? context) }
    }
}

extension StreamsBuilder {
    /// Reads a topic as a table that every instance of the application has whole. A null value removes its key; records
    /// without a key are left out.
    ///
    ///     let countries = builder.globalTable("countries", keys: .utf8, values: .utf8)
    ///     orders.join(countries, key: { _, order in order.countryCode }) { order, country in
    ///         "\(order.number) goes to \(country)"
    ///     }
    ///
    /// - Parameters:
    ///   - topic: the topic, which must exist when the application starts; usually a compacted one. It cannot be read as
    ///     a stream or table by the same topology. Partitions that it gets later are read after the next start.
    ///   - keys: how keys are read and stored.
    ///   - values: how values are read and stored.
    ///   - timestamps: what tells the time of the records; their keys and values may be nil.
    ///   - store: the store's name; nil for one made from the operator's.
    ///   - name: the operator's name; nil for one made from the topic's.
    @inlinable
    public func globalTable<Key, Value>(
        _ topic: String,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key?, Value?> = .ofRecord(),
        store: String? = nil,
        named name: String? = nil
    ) -> GlobalKTable<Key, Value> {
        let source = KStream(
            globalSource: topic,
            named: name,
            in: shared,
            keys: keys.optional,
            values: values.optional,
            timestamps: timestamps
        )
        let storeName = store ?? "\(source.name)-globalTable"
        let table = source.materialized(
            operation: "globalTable",
            keys: keys,
            values: values,
            store: StoreOptions(name: storeName),
            isGlobal: true
        )
        return GlobalKTable(table, storeName: storeName)
    }
}
