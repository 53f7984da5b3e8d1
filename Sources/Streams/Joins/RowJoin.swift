import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// Finds the row that was valid at a record's time, or of a table without versions the one that is there now.
@usableFromInline
struct RowFinder<Key, Row> {
    @usableFromInline let find: (Key, Int64) throws -> Row?

    @inlinable
    init(_ rows: TableRows<Key, Row>, in context: TaskContext) {
        let lookup = rows.compose(context)
        if rows.historyMs != nil {
            find = { key, timestamp in try lookup.asOf(key, timestamp)?.value }
        } else {
            find = { key, _ in try lookup.latest(key)?.value }
        }
    }
}

// Both joins leave out records whose value is nil. What follows from a record has its timestamp and headers.
extension KStream {
    /// An operator that gives each record the row that it leads to, and leaves out those that lead to none.
    ///
    /// - Parameters:
    ///   - name: the operator's name; nil for one made from this stream's.
    ///   - rows: the table's rows.
    ///   - tableKey: makes the key of the row; nil for no row.
    ///   - grace: how long records wait for late rows; nil for not at all.
    ///   - join: makes the new value.
    @inlinable
    func innerJoined<TableKey, Row, Joined>(
        named name: String?,
        with rows: TableRows<TableKey, Row>,
        by tableKey: @escaping @Sendable (Key, Value) throws -> TableKey?,
        after grace: Duration? = nil,
        joining join: @escaping @Sendable (Key, TableKey, Value, Row) throws -> Joined
    ) -> KStream<Key, Joined> {
        let result: KStream<Key, Joined> = changed("join", name, keys: keys, values: nil, isRekeyed: isRekeyed)
        for store in rows.stores { assembly.graph.connect(result.node, to: store) }
        let period = grace.flatMap { gracePeriod($0, of: result.node, historyMs: rows.historyMs) }
        let target = result.port
        let operatorName = result.name
        let isAbsent = Absence.check(Value.self)
        port.add { context in
            let next = target.compose(context)
            let finder = RowFinder(rows, in: context)
            let guarded = context.guarded(operatorName)
            let joining = Out<Key, Value> { key, value, timestamp in
                if isAbsent.needed, isAbsent.test(value) { return }
                // Finding the row may run functions as well: those of the operators that a table without a store is made by.
                let joined = try guarded.attempt { () throws -> Joined? in
                    guard let rowKey = try tableKey(key, value), let row = try finder.find(rowKey, timestamp) else {
                        return nil
                    }
                    return try join(key, rowKey, value, row)
                }
                guard case .some(.some(let joined)) = joined else { return }
                try next.push(key, joined, timestamp)
            }
            return period?.compose(context, joining) ?? joining
        }
        return result
    }

    /// An operator that gives each record the row that it leads to, or nil if it leads to none.
    @inlinable
    func leftJoined<TableKey, Row, Joined>(
        named name: String?,
        with rows: TableRows<TableKey, Row>,
        by tableKey: @escaping @Sendable (Key, Value) throws -> TableKey?,
        after grace: Duration? = nil,
        joining join: @escaping @Sendable (Key, TableKey?, Value, Row?) throws -> Joined
    ) -> KStream<Key, Joined> {
        let result: KStream<Key, Joined> = changed("leftJoin", name, keys: keys, values: nil, isRekeyed: isRekeyed)
        for store in rows.stores { assembly.graph.connect(result.node, to: store) }
        let period = grace.flatMap { gracePeriod($0, of: result.node, historyMs: rows.historyMs) }
        let target = result.port
        let operatorName = result.name
        let isAbsent = Absence.check(Value.self)
        port.add { context in
            let next = target.compose(context)
            let finder = RowFinder(rows, in: context)
            let guarded = context.guarded(operatorName)
            let joining = Out<Key, Value> { key, value, timestamp in
                if isAbsent.needed, isAbsent.test(value) { return }
                let joined = try guarded.attempt {
                    let rowKey = try tableKey(key, value)
                    return try join(key, rowKey, value, try rowKey.flatMap { try finder.find($0, timestamp) })
                }
                guard let joined else { return }
                try next.push(key, joined, timestamp)
            }
            return period?.compose(context, joining) ?? joining
        }
        return result
    }

    /// Declares the buffer of a grace period; nil if it makes no sense, which is reported.
    @inlinable
    func gracePeriod(_ grace: Duration, of join: TopologyGraph.NodeId, historyMs: Int64?) -> GracePeriod<Key, Value>? {
        let name = assembly.name(of: join)
        guard grace >= .zero else {
            assembly.graph.report(.negativeGracePeriod(operator: name))
            return nil
        }
        guard let historyMs else {
            assembly.graph.report(.graceWithoutVersions(operator: name))
            return nil
        }
        let graceMs = grace.wholeMilliseconds
        guard graceMs <= historyMs else {
            assembly.graph.report(.graceLongerThanHistory(operator: name, graceMs: graceMs, historyMs: historyMs))
            return nil
        }
        let keys = assembly.require(keys, "keys", for: join)
        let values = assembly.require(values, "values", for: join)
        let definition = StoreDefinition(
            name: assembly.graph.storeName(for: join, role: "buffer"),
            format: StoreFormat(.keyValue, keys: "time, \(keys.format)", values: values.format),
            isCached: false
        )
        assembly.graph.add(definition, usedBy: join, isNamed: assembly.graph.nodes[join].isNamed)
        return GracePeriod(
            definition: definition,
            of: name,
            milliseconds: graceMs,
            keys: keys,
            values: values
        )
    }
}
