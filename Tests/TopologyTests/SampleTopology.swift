import MillraceTopology

/// Counting orders by customer, and enriching payments with customers: a repartition topic between two parts, a store
/// that joins two sources, and a part of its own.
struct SampleTopology {
    static let byCustomer = TopicReference.repartition("by-customer", partitions: nil)

    var graph = TopologyGraph()
    var counted: TopologyGraph.NodeId
    var join: TopologyGraph.NodeId

    init(repartition: TopicReference = Self.byCustomer) {
        let orders = graph.add(.source([.external("orders")]))
        let selected = graph.add(.processor("selectKey"), after: [orders])
        _ = graph.add(.sink(repartition), after: [selected])
        let regrouped = graph.add(.source([repartition]))
        counted = graph.add(.processor("count"), name: "count", after: [regrouped])
        graph.add(StoreDefinition(name: "counts", format: .sample), usedBy: counted)
        _ = graph.add(.sink(.external("totals")), after: [counted])

        let customers = graph.add(.source([.external("customers")]))
        let table = graph.add(.processor("toTable"), after: [customers])
        graph.add(StoreDefinition(name: "customer-table", format: .sample), usedBy: table)
        let payments = graph.add(.source([.external("payments"), .external("refunds")]))
        join = graph.add(.processor("join"), name: "join", after: [payments])
        graph.connect(join, to: "customer-table")
        graph.requireCopartitioning(of: [payments, table], for: join)
        _ = graph.add(.sink(.external("totals")), after: [join])
    }
}

extension StoreFormat {
    /// A format, where it does not matter which.
    static let sample = StoreFormat(.keyValue, keys: "utf8", values: "int64")
}
