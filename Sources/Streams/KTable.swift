import MillraceStreamsRuntime
import MillraceTopology

/// A table: for each key its latest value, kept in a store and passed on as a stream of updates. What Kafka Streams
/// calls `KTable`.
public struct KTable<Key, Value> {
    @usableFromInline let assembly: TopologyAssembly
    @usableFromInline let node: TopologyGraph.NodeId
    @usableFromInline let port: Port<Key, Change<Value>>
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>

    /// The name of the store that holds the table.
    public let storeName: String

    @usableFromInline
    init(
        assembly: TopologyAssembly,
        node: TopologyGraph.NodeId,
        keys: Serde<Key>,
        values: Serde<Value>,
        storeName: String
    ) {
        self.assembly = assembly
        self.node = node
        port = Port()
        self.keys = keys
        self.values = values
        self.storeName = storeName
    }

    /// The table's updates as a stream: the new value of a key each time it changes, nil when the key is removed.
    @inlinable
    public func toStream(named name: String? = nil) -> KStream<Key, Value?> {
        let stream = KStream<Key, Value?>(
            assembly: assembly,
            node: assembly.add("toStream", named: name, after: [node]),
            keys: keys,
            values: values.optional,
            isRekeyed: false
        )
        let target = stream.port
        port.add { context in
            let next = target.compose(context)
            return Out { key, change, timestamp in try next.push(key, change.new, timestamp) }
        }
        return stream
    }
}

extension KStream {
    /// Adds an operator with a store of its own: each record changes the value of its key in it.
    @inlinable
    func stateful<State>(
        _ operation: String,
        keys: Serde<Key>,
        state: Serde<State>,
        store options: StoreOptions,
        named name: String?,
        _ change: @escaping @Sendable (Key, Value, State?) throws -> State?
    ) -> KTable<Key, State> {
        let id = assembly.add(operation, named: name, after: [node])
        let definition = assembly.addStore(
            options,
            format: StoreFormat(.keyValue, keys: keys.format, values: state.format),
            usedBy: id
        )
        // Records of one key come to one task only if all topics spread their keys over equally many partitions.
        assembly.graph.requireCopartitioning(of: [node], for: id)
        let table = KTable<Key, State>(
            assembly: assembly,
            node: id,
            keys: keys,
            values: state,
            storeName: definition.name
        )
        let target = table.port
        let name = assembly.name(of: id)
        let isAbsent = Absence.check(Value.self)
        let hasSourceKeys = !isRekeyed
        port.add { context in
            let store = context.store(named: definition.name) {
                KeyValueState(
                    definition,
                    in: context,
                    keys: keys,
                    values: state,
                    next: target.compose(context),
                    flushing: FlushAction { store in try store.flushEntries() }
                )
            }
            if hasSourceKeys { context.lookAhead(in: store.table) }
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                if isAbsent.needed, isAbsent.test(value) { return }
                try store.update(key, timestamp) { old in try guarded.attempt { try change(key, value, old) } }
            }
        }
        return table
    }
}

extension KStream {
    /// Keeps the last value of each key in a store; the stream's nil values remove their keys.
    @inlinable
    func materialized<TableKey, TableValue>(
        operation: String,
        keys: Serde<TableKey>,
        values: Serde<TableValue>,
        store options: StoreOptions
    ) -> KTable<TableKey, TableValue> where Key == TableKey?, Value == TableValue? {
        let id = assembly.add(operation, named: nil, after: [node])
        let definition = assembly.addStore(
            options,
            format: StoreFormat(.keyValue, keys: keys.format, values: values.format),
            usedBy: id
        )
        let table = KTable<TableKey, TableValue>(
            assembly: assembly,
            node: id,
            keys: keys,
            values: values,
            storeName: definition.name
        )
        let target = table.port
        port.add { context in
            let store = context.store(named: definition.name) {
                KeyValueState(
                    definition,
                    in: context,
                    keys: keys,
                    values: values,
                    next: target.compose(context),
                    flushing: FlushAction { store in try store.flushEntries() }
                )
            }
            return Out { key, value, timestamp in
                guard let key else { return }
                try store.replace(key, timestamp, with: value)
            }
        }
        return table
    }
}

/// Tells whether a value of a type stands for null, found out once for the type.
@usableFromInline
struct Absence<Value>: Sendable {
    @usableFromInline let needed: Bool
    @usableFromInline let test: @Sendable (Value) -> Bool

    @usableFromInline
    init(needed: Bool, test: @escaping @Sendable (Value) -> Bool) {
        self.needed = needed
        self.test = test
    }
}

extension Absence {
    /// Values of optional types may be absent, others never are.
    @usableFromInline
    static func check(_ type: Value.Type) -> Absence<Value> {
        guard let optional = type as? any OptionalValue.Type else { return Absence(needed: false) { _ in false } }
        let isNil = nilTest(optional)
        return Absence(needed: true) { value in withUnsafePointer(to: value) { isNil(UnsafeRawPointer($0)) } }
    }

    /// The type is looked up once, not with each record: a dynamic cast costs more than most operators.
    private static func nilTest<Wrapper: OptionalValue>(
        _ type: Wrapper.Type
    ) -> @Sendable (UnsafeRawPointer) -> Bool {
        { $0.assumingMemoryBound(to: Wrapper.self).pointee.isNil }
    }
}

/// What an optional is, whatever it wraps.
protocol OptionalValue: SendableMetatype {
    var isNil: Bool { get }
}

extension Optional: OptionalValue {
    var isNil: Bool {
        switch self {
        case .none: true
        case .some: false
        }
    }
}
