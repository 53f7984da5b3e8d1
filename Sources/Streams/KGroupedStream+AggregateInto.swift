// Aggregations that change the aggregate in place, as `reduce(into:)` of a sequence does:
//
//     orders.groupByKey().aggregate(into: Profile(), aggregates: .json, store: "profiles") { profile, _, order in
//         profile.add(order)
//     }
extension KGroupedStream {
    /// Makes an aggregate of each key's records, beginning with `initial`. See `aggregate(initial:…)`.
    ///
    /// - Parameters:
    ///   - initial: the aggregate of a key without records; made anew for each key.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    ///   - combine: takes a record into the aggregate. When it throws, the aggregate stays as it was.
    @inlinable
    public func aggregate<Aggregate>(
        into initial: @autoclosure @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        _ combine: @escaping @Sendable (_ aggregate: inout Aggregate, _ key: Key, _ value: Value) throws -> Void
    ) -> KTable<Key, Aggregate> {
        aggregate(initial: initial, aggregates: aggregates, store: store, named: name) { key, value, aggregate in
            var aggregate = aggregate
            try combine(&aggregate, key, value)
            return aggregate
        }
    }
}

extension TimeWindowedKStream {
    /// Makes an aggregate of the records of each key and window, beginning with `initial`. See `aggregate(initial:…)`.
    ///
    /// - Parameters:
    ///   - initial: the aggregate of a window without records; made anew for each.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late.
    ///   - combine: takes a record into the aggregate. When it throws, all windows stay as they were.
    @inlinable
    public func aggregate<Aggregate>(
        into initial: @autoclosure @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        _ combine: @escaping @Sendable (_ aggregate: inout Aggregate, _ key: Key, _ value: Value) throws -> Void
    ) -> KTable<Windowed<Key>, Aggregate> {
        aggregate(
            initial: initial,
            aggregates: aggregates,
            store: store,
            named: name,
            lateRecords: lateRecords
        ) { key, value, aggregate in
            var aggregate = aggregate
            try combine(&aggregate, key, value)
            return aggregate
        }
    }
}

extension SessionWindowedKStream {
    /// Makes an aggregate of the records of each key and session, beginning with `initial`. See `aggregate(initial:…)`.
    ///
    /// - Parameters:
    ///   - initial: the aggregate of a session without records; made anew for each.
    ///   - aggregates: how aggregates are stored.
    ///   - store: the store of the aggregates.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late.
    ///   - merge: takes another session's aggregate into one, which may be the initial one.
    ///   - combine: takes a record into the aggregate. When either throws, all sessions stay as they were.
    @inlinable
    public func aggregate<Aggregate>(
        into initial: @autoclosure @escaping @Sendable () throws -> Aggregate,
        aggregates: Serde<Aggregate>,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        merge: @escaping @Sendable (_ aggregate: inout Aggregate, _ key: Key, _ other: Aggregate) throws -> Void,
        _ combine: @escaping @Sendable (_ aggregate: inout Aggregate, _ key: Key, _ value: Value) throws -> Void
    ) -> KTable<Windowed<Key>, Aggregate> {
        aggregate(
            initial: initial,
            aggregates: aggregates,
            store: store,
            named: name,
            lateRecords: lateRecords,
            merge: { key, aggregate, other in
                var aggregate = aggregate
                try merge(&aggregate, key, other)
                return aggregate
            },
            { key, value, aggregate in
                var aggregate = aggregate
                try combine(&aggregate, key, value)
                return aggregate
            }
        )
    }
}
