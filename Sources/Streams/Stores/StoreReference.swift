import MillraceStreamsRuntime
import MillraceTopology

/// A state store of a topology, described once: what makes it part of the topology, and what gets it in a processor, with
/// its type. What Kafka Streams calls a `StoreBuilder`.
///
///     let seen = Stores.keyValue("seen", keys: .utf8, values: .int64)
///
/// The operators that name the same reference share the store. Two references are two stores, which must have different
/// names; `build()` reports those that have not.
public struct StoreReference<Store: StateStore>: Sendable {
    /// The store's name, which its changelog topic is named after.
    public let name: String

    /// How its keys and values are written and read: what questions to a running application need.
    let serdes: Store.Serdes

    @usableFromInline let declaration: StoreDeclaration
    private let make: @Sendable (StoreDefinition, TaskContext) -> Store

    /// - Parameter make: makes the typed store around the task's instance, which it asks the context for by name.
    init(
        _ definition: StoreDefinition,
        _ serdes: Store.Serdes,
        problem: String? = nil,
        isNamed: Bool = true,
        make: @escaping @Sendable (StoreDefinition, TaskContext) -> Store
    ) {
        name = definition.name
        self.serdes = serdes
        declaration = StoreDeclaration(definition, problem: problem, isNamed: isNamed)
        self.make = make
    }

    /// The same store as one that every instance keeps whole, and that a thread's tasks find beside themselves.
    @usableFromInline var global: StoreReference<Store> {
        var definition = declaration.definition
        definition.isGlobal = true
        definition.isLogged = false
        definition.isCached = false
        return StoreReference(definition, serdes, problem: declaration.problem) { [make] definition, context in
            make(definition, context.globals ?? context)
        }
    }

    /// The same store, whose name was not given but derived.
    var unnamed: StoreReference<Store> {
        StoreReference(declaration.definition, serdes, problem: declaration.problem, isNamed: false, make: make)
    }

    /// The store in a task. Of use only in the tasks of operators that are connected to it, while they are composed.
    @usableFromInline
    func instance(in context: TaskContext) -> Store { make(declaration.definition, context) }
}

/// A state store, typed, as processors use it.
public protocol StateStore: SendableMetatype {
    /// How its entries are written and read.
    associatedtype Serdes: Sendable
}

/// How the keys and values of a store are written and read.
public struct StoreSerdes<Key, Value>: Sendable {
    let keys: Serde<Key>
    let values: Serde<Value>
}

extension KeyValueStore: StateStore {
    /// Of its keys and values.
    public typealias Serdes = StoreSerdes<Key, Value>
}

extension TimestampedKeyValueStore: StateStore {
    /// Of its keys and values.
    public typealias Serdes = StoreSerdes<Key, Value>
}

extension WindowStore: StateStore {
    /// Of the keys of its records and its values.
    public typealias Serdes = StoreSerdes<Key, Value>
}

extension SessionStore: StateStore {
    /// Of the keys of its records and its values.
    public typealias Serdes = StoreSerdes<Key, Value>
}

extension VersionedStore: StateStore {
    /// Of its keys and values.
    public typealias Serdes = StoreSerdes<Key, Value>
}

extension KeyTimers: StateStore {
    /// Of its keys.
    public typealias Serdes = Serde<Key>
}

/// What a topology is told of a store; the object is its identity.
@usableFromInline
final class StoreDeclaration: Sendable {
    let definition: StoreDefinition
    /// What is wrong with the options that the user gave; nil if nothing is.
    let problem: String?
    /// Whether the user gave the name.
    let isNamed: Bool

    init(_ definition: StoreDefinition, problem: String?, isNamed: Bool) {
        self.definition = definition
        self.problem = problem
        self.isNamed = isNamed
    }
}

extension TopologyAssembly {
    /// Lets an operator use a store, which becomes part of the topology with the first operator that does.
    @usableFromInline
    func connect<Store>(_ store: StoreReference<Store>, to node: TopologyGraph.NodeId) {
        connect(store.declaration, to: node)
    }

    private func connect(_ store: StoreDeclaration, to node: TopologyGraph.NodeId) {
        let name = store.definition.name
        if declaredStores[name] === store {
            graph.connect(node, to: name)
            return
        }
        if declaredStores[name] == nil { declaredStores[name] = store }
        if let problem = store.problem {
            graph.report(.invalidStore(operator: self.name(of: node), store: name, problem: problem))
        }
        graph.add(store.definition, usedBy: node, isNamed: store.isNamed)
    }
}
