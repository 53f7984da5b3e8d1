extension KTable {
    /// Joins each row with the row of another table that it names: a foreign-key join. A row that names none, or one that
    /// is not there, has no result.
    ///
    ///     orders.join(customers, foreignKey: { order in order.customerId }) { order, customer in
    ///         "\(order.number) of \(customer.name)"
    ///     }
    ///
    /// Results follow the changes of both tables. The tables go through two internal topics,
    /// `<application id>-<name>-subscription-repartition` and `…-response-repartition`, and may have unlike numbers of
    /// partitions.
    ///
    /// - Parameters:
    ///   - other: the other table.
    ///   - foreignKey: makes the key of the other table's row of a row's value; nil for none.
    ///   - partitioner: chooses the partition of the other table's keys, if its topic is not spread by Kafka's default
    ///     partitioner; for each key one partition.
    ///   - values: how results are stored, where that is needed.
    ///   - store: where the result is kept; nil for a store only if an operator needs one.
    ///   - name: the operator's name, which the internal topics and stores are named after.
    ///   - join: makes the result of both rows.
    @inlinable
    public func join<OtherKey, OtherValue, Joined>(
        _ other: KTable<OtherKey, OtherValue>,
        foreignKey: @escaping @Sendable (_ value: Value) throws -> OtherKey?,
        partitioner: StreamPartitioner<OtherKey, Void>? = nil,
        values: Serde<Joined>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ other: OtherValue) throws -> Joined
    ) -> KTable<Key, Joined> {
        self.join(
            other,
            foreignKey: { _, value in try foreignKey(value) },
            partitioner: partitioner,
            values: values,
            store: store,
            named: name,
            join
        )
    }

    /// The same with a foreign key that is made of a row's key and value (KIP-1104).
    @inlinable
    public func join<OtherKey, OtherValue, Joined>(
        _ other: KTable<OtherKey, OtherValue>,
        foreignKey: @escaping @Sendable (_ key: Key, _ value: Value) throws -> OtherKey?,
        partitioner: StreamPartitioner<OtherKey, Void>? = nil,
        values: Serde<Joined>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ other: OtherValue) throws -> Joined
    ) -> KTable<Key, Joined> {
        joinedByForeignKey(
            with: other,
            isLeft: false,
            foreignKey: foreignKey,
            partitioner: partitioner,
            values: values,
            store: store,
            named: name
        ) { value, row in
            guard let row else { return nil }
            return try join(value, row)
        }
    }

    /// Joins each row with the row of another table that it names, or with nil if it names none or one that is not there.
    ///
    /// - Parameters: as for `join(_:foreignKey:…)`.
    @inlinable
    public func leftJoin<OtherKey, OtherValue, Joined>(
        _ other: KTable<OtherKey, OtherValue>,
        foreignKey: @escaping @Sendable (_ value: Value) throws -> OtherKey?,
        partitioner: StreamPartitioner<OtherKey, Void>? = nil,
        values: Serde<Joined>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ other: OtherValue?) throws -> Joined
    ) -> KTable<Key, Joined> {
        leftJoin(
            other,
            foreignKey: { _, value in try foreignKey(value) },
            partitioner: partitioner,
            values: values,
            store: store,
            named: name,
            join
        )
    }

    /// The same with a foreign key that is made of a row's key and value (KIP-1104).
    @inlinable
    public func leftJoin<OtherKey, OtherValue, Joined>(
        _ other: KTable<OtherKey, OtherValue>,
        foreignKey: @escaping @Sendable (_ key: Key, _ value: Value) throws -> OtherKey?,
        partitioner: StreamPartitioner<OtherKey, Void>? = nil,
        values: Serde<Joined>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ other: OtherValue?) throws -> Joined
    ) -> KTable<Key, Joined> {
        joinedByForeignKey(
            with: other,
            isLeft: true,
            foreignKey: foreignKey,
            partitioner: partitioner,
            values: values,
            store: store,
            named: name
        ) { value, row in try join(value, row) }
    }
}
