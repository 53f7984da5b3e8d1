import MillraceStreamsRuntime
import MillraceTopology

/// A table: for each key its latest value. What Kafka Streams calls `KTable`.
///
/// An operator makes one of records or of other tables, and its updates flow on as changes. Its rows lie in a store if one
/// was asked for, or if an operator after it cannot do without; otherwise they are made anew from the rows of the table
/// that it was derived from whenever somebody looks one up.
public struct KTable<Key, Value> {
    @usableFromInline let assembly: TopologyAssembly
    @usableFromInline let node: TopologyGraph.NodeId
    @usableFromInline let port: Port<Key, Change<Value>>
    /// How keys are written, as far as it is known.
    @usableFromInline let keys: Serde<Key>?
    /// How values are written, as far as it is known.
    @usableFromInline let values: Serde<Value>?
    @usableFromInline let backing: TableBacking<Key, Value>

    /// The name of the store that holds the table, if the application asked for one: interactive queries find it there.
    public let queryableStoreName: String?

    @usableFromInline
    init(
        assembly: TopologyAssembly,
        node: TopologyGraph.NodeId,
        keys: Serde<Key>?,
        values: Serde<Value>?,
        backing: TableBacking<Key, Value>,
        queryableStoreName: String?
    ) {
        self.assembly = assembly
        self.node = node
        port = Port()
        self.keys = keys
        self.values = values
        self.backing = backing
        self.queryableStoreName = queryableStoreName
    }
}
