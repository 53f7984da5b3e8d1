/// The names of stores and internal topics, which outlive the program: state is found again by them.
///
/// **The rule.** A name that the user gave is used as it is. A name that was not given is derived from the nearest name
/// before it and the operation: that of the source's first topic, of a repartition topic, of a store, or of an operator
/// that was given one. Operators without a name leave no trace in it, and neither does the order in which operators are
/// added. So none of these changes any other's name: adding, removing or moving an operator that has no name and changes
/// no key, adding a source, adding or removing whatever comes after a store. Where two would get the same name, `build()`
/// reports it, and one of them needs a name of its own.
///
/// What does change a derived name: changing a name that it is derived from, and changing the key before a store, because
/// its records then come through a repartition topic and its entries are other ones.
///
///     builder.stream("orders", …)                      "orders"
///         .filter { … }                                "orders"
///         .groupBy(…) { … }                            topic "orders-groupBy-repartition", then "orders-groupBy"
///         .count()                                     store "orders-groupBy-count"
///         .toStream()                                  "orders-groupBy-count"
///
/// Names of operators are for people: they follow from the operators before them, and may be numbered.
extension TopologyGraph {
    /// The name of a store whose user gave none.
    ///
    /// - Parameters:
    ///   - node: the operator that owns the store.
    ///   - role: what the store is for, if the operator has several.
    public func storeName(for node: NodeId, role: String? = nil) -> String {
        let suffix = role.map { "-\($0)" } ?? ""
        switch nodes[node].kind {
        case .processor(let operation) where !nodes[node].isNamed:
            return "\(nameBase(before: node))-\(operation)\(suffix)"
        case .processor, .source, .patternSource, .globalSource, .sink, .dynamicSink:
            return "\(nodes[node].isNamed ? nodes[node].name : nodes[node].nameBase)\(suffix)"
        }
    }

    /// The name of the store of an operator that is still to be added, whose user gave the store none; it follows the same
    /// rule.
    ///
    /// - Parameters:
    ///   - operation: what the operator does.
    ///   - name: the operator's name, if the user gave one.
    ///   - parent: the operator before it.
    public func storeName(of operation: String, named name: String?, after parent: NodeId) -> String {
        name ?? "\(nodes[parent].nameBase)-\(operation)"
    }

    /// The name of a repartition topic whose user gave none, without `-repartition`.
    ///
    /// - Parameters:
    ///   - operation: what it is needed for.
    ///   - node: the operator that writes it.
    public mutating func deriveRepartitionName(for operation: String, after node: NodeId) -> String {
        let name = "\(nodes[node].nameBase)-\(operation)"
        let used = Set(nodes.flatMap { topics(of: $0.kind) }.filter(\.isInternal).map(\.name))
        func topic(_ name: String) -> String { TopicReference.repartition(name, partitions: nil).name }
        derivedNames.insert(topic(name))
        guard used.contains(topic(name)) else { return name }
        report(.ambiguousRepartitionName(operator: nodes[node].name, topic: topic(name)))
        var number = 2
        while used.contains(topic("\(name)-\(number)")) { number += 1 }
        return "\(name)-\(number)"
    }

    /// Puts the name of a branch into the names after it.
    public mutating func deriveNames(after node: NodeId, ofBranch name: String) {
        nodes[node].nameBase = "\(nameBase(before: node))-\(name)"
    }

    /// Lets the names after an operator begin with that of its store. For an operator that has one in any case; one that
    /// may do without leaves no trace.
    public mutating func deriveNames(after node: NodeId, ofStore name: String) {
        nodes[node].nameBase = name
    }

    private func nameBase(before node: NodeId) -> String {
        nodes[node].parents.first.map { nodes[$0].nameBase } ?? nodes[node].nameBase
    }

    /// What the names after an operator begin with, as long as it has no store.
    func initialNameBase(_ kind: Kind, name: String?, after parents: [NodeId]) -> String {
        switch kind {
        case .source(let topics):
            switch topics.first {
            case .repartition(let topic, _): topic
            case .external(let topic): name ?? topic
            case nil: name ?? "source"
            }
        case .globalSource(let topic): name ?? topic
        case .patternSource(let pattern): name ?? pattern.nameBase
        case .processor(let operation): name ?? parents.first.map { nodes[$0].nameBase } ?? operation
        case .sink(let topic): name ?? topic.name
        case .dynamicSink: name ?? parents.first.map { nodes[$0].nameBase } ?? "to"
        }
    }
}
