import MillraceStreamsRuntime
import MillraceTopology

extension KGroupedStream {
    /// Keeps the values with the greatest scores of each key, the greatest first; equal scores are in the order of the
    /// values' bytes. What falls behind them is forgotten.
    ///
    /// - Parameters:
    ///   - count: how many values of a key are kept, 1 or more.
    ///   - store: the store of the results; the values in order are in a second one, whose name has `-ranking`
    ///     after it.
    ///   - name: the operator's name.
    ///   - score: the score of a value, the same each time for the same value.
    /// - Returns: a table of the first values of each key; it is updated when they change.
    public func top<Score: RankingScore>(
        _ count: Int,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        by score: @escaping @Sendable (Value) throws -> Score
    ) -> KTable<Key, [Value]> {
        let source = grouped()
        let isAbsent = Absence.check(Value.self)
        return source.mapValues { value in Change(new: isAbsent.test(value) ? nil : value, old: nil) }
            .ranked(
                Ranking(
                    count: count,
                    keys: requiredKeys,
                    rows: source.assembly.require(source.values, "values", for: source.node),
                    keepsAll: false
                ),
                store: store,
                named: name,
                score
            )
    }
}

extension KGroupedTable {
    /// Keeps the rows with the greatest scores of each group, the greatest first; equal scores are in the order of the
    /// values' bytes. When a row changes or goes, others take its place: all rows of the groups are kept in order.
    ///
    ///     sales.groupBy(keys: .utf8, values: .json(Sale.self)) { _, sale in (sale.region, sale) }
    ///         .top(10) { $0.amount }
    ///
    /// - Parameters:
    ///   - count: how many rows of a group make its result, 1 or more.
    ///   - store: the store of the results; the rows in order are in a second one, whose name has `-ranking`
    ///     after it.
    ///   - name: the operator's name.
    ///   - score: the score of a value, the same each time for the same value.
    /// - Returns: a table of the first values of each group; it is updated when they change.
    public func top<Score: RankingScore>(
        _ count: Int,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        by score: @escaping @Sendable (Value) throws -> Score
    ) -> KTable<Key, [Value]> {
        repartitioned().ranked(
            Ranking(count: count, keys: keys, rows: values, keepsAll: true),
            store: store,
            named: name,
            score
        )
    }
}

extension KStream {
    func ranked<Row, Score: RankingScore>(
        _ ranking: Ranking<Key, Row>,
        store: StoreOptions,
        named name: String?,
        _ score: @escaping @Sendable (Row) throws -> Score
    ) -> KTable<Key, [Row]> where Value == Change<Row> {
        let stores = OperatorStores(store, of: "top", named: name, after: self)
        let places = stores.further("ranking") { storeName, formerName in
            Stores.keyValue(
                storeName,
                keys: .ranked,
                values: .int64,
                isLogged: store.isLogged,
                changelogConfiguration: store.changelogConfiguration,
                renamedFrom: formerName
            )
        }
        let changed: KStream<Key, [Row]> = changed(
            "rank",
            name.map { "\($0)-rank" },
            keys: ranking.keys,
            values: nil,
            isRekeyed: false
        )
        assembly.connect(places, to: changed.node)
        let target = changed.port
        let rankName = changed.name
        port.add { context in
            let next = target.compose(context)
            let rows = RankedRows(ranking, in: places.instance(in: context).rows)
            let guarded = context.guarded(rankName)
            return Out { key, change, timestamp in
                guard try guarded.attempt({ try rows.begin(key) }) == true else { return }
                // A row whose score fails counts as no row, when it comes and when it goes.
                _ = try guarded.attempt { try rows.placeNew(change.new, score) }
                rows.placeOld(change.old, score)
                guard let first = try rows.update() else { return }
                try next.push(key, first, timestamp)
            }
        }
        let table = changed.stateful(
            "top",
            keys: ranking.keys,
            state: .list(of: ranking.rows),
            store: store,
            named: name
        ) { _, first, _ in first.isEmpty ? nil : first }
        let operatorName = assembly.name(of: table.node)
        if ranking.count < 1 {
            assembly.graph.report(
                .invalidArgument(
                    operator: operatorName,
                    problem: "top needs a count of 1 or more, not \(ranking.count)"
                )
            )
        }
        // A row that went by its age would still be in the ranking.
        if let problem = store.problem(without: [.timeToLive]) {
            assembly.graph.report(.invalidStore(operator: operatorName, store: stores.name, problem: problem))
        }
        return table
    }
}
