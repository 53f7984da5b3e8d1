import MillraceStreamsRuntime
import MillraceTopology

/// The stores of an operator that keeps its state in such as processors have: named, and renamed, as the one store of any
/// other operator. The first has that name; each further one has its role after it.
struct OperatorStores {
    /// The name of the first store.
    let name: String
    let options: StoreOptions

    /// - Parameters:
    ///   - operation: what the operator does.
    ///   - operatorName: the operator's name, if the user gave one.
    ///   - parent: the stream that it comes after.
    init<Key, Value>(
        _ options: StoreOptions,
        of operation: String,
        named operatorName: String?,
        after parent: KStream<Key, Value>
    ) {
        self.options = options
        name =
            options.name
            ?? parent.assembly.graph.storeName(of: operation, named: operatorName, after: parent.node)
    }

    /// Makes the first store, of its name and its former one.
    func first<Store>(_ make: (String, String?) -> StoreReference<Store>) -> StoreReference<Store> {
        known(make(name, options.renamedFrom))
    }

    /// Makes a further store, of its name and its former one.
    func further<Store>(
        _ role: String,
        _ make: (String, String?) -> StoreReference<Store>
    ) -> StoreReference<Store> {
        known(make("\(name)-\(role)", options.renamedFrom.map { "\($0)-\(role)" }))
    }

    private func known<Store>(_ store: StoreReference<Store>) -> StoreReference<Store> {
        options.name == nil ? store.unnamed : store
    }
}

extension KStream {
    /// The stream with the records of one key in one partition, for an operator with state.
    func keyed(for operation: String, named name: String?) -> KStream<Key, Value> {
        guard isRekeyed else { return self }
        return repartition(
            named: name.map { "\($0)-input" } ?? assembly.graph.deriveRepartitionName(for: operation, after: node)
        )
    }

    /// Reports what is wrong with the options of this operator's store.
    func check(_ stores: OperatorStores, without specials: StoreOptions.Special...) {
        guard let problem = stores.options.problem(without: specials) else { return }
        assembly.graph.report(.invalidStore(operator: name, store: stores.name, problem: problem))
    }
}
