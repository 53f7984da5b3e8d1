import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Gives each record the row that a table has for its key, as the table is when the record is looked at, or of a
    /// versioned table as it was at the record's time. Records without a row are left out, and so are those whose key or
    /// value is nil.
    ///
    /// If the stream's key was changed, it goes through an internal topic first, so that record and row come to one task.
    ///
    /// - Parameters:
    ///   - table: the table; its topic must have as many partitions as the stream's.
    ///   - keys: how the stream's keys are written, if it goes through an internal topic or waits; may be left out if it
    ///     has them as they were read.
    ///   - values: how its values are written; likewise.
    ///   - grace: how far stream time must be past a record before its row is looked up, so that rows that come late are
    ///     found (KIP-923); for versioned tables only. Records then leave in the order of their times.
    ///   - name: the operator's name.
    ///   - join: makes the new value of the record's value and the row.
    @inlinable
    public func join<Row, Joined>(
        _ table: KTable<Key, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ row: Row) throws -> Joined
    ) -> KStream<Key, Joined> {
        let stream = besideTable("join", keys: keys, values: values, named: name)
        let result = stream.innerJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { _, _, value, row in try join(value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// The same with a function that is given the record's key as well.
    @inlinable
    public func join<Row, Joined>(
        _ table: KTable<Key, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ value: Value, _ row: Row) throws -> Joined
    ) -> KStream<Key, Joined> {
        let stream = besideTable("join", keys: keys, values: values, named: name)
        let result = stream.innerJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { key, _, value, row in try join(key, value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// The same for a stream whose keys may be missing.
    @inlinable
    public func join<TableKey, Row, Joined>(
        _ table: KTable<TableKey, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ row: Row) throws -> Joined
    ) -> KStream<Key, Joined> where Key == TableKey? {
        let stream = besideTable("join", keys: keys, values: values, named: name)
        let result = stream.innerJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { _, _, value, row in try join(value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// The same for a stream whose keys may be missing, with a function that is given the record's key as well.
    @inlinable
    public func join<TableKey, Row, Joined>(
        _ table: KTable<TableKey, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ value: Value, _ row: Row) throws -> Joined
    ) -> KStream<Key, Joined> where Key == TableKey? {
        let stream = besideTable("join", keys: keys, values: values, named: name)
        let result = stream.innerJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { key, _, value, row in try join(key, value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// Gives each record the row that a table has for its key, as the table is when the record is looked at, or of a
    /// versioned table as it was at the record's time; nil if there is none or the record has no key. Records whose value
    /// is nil are left out.
    ///
    /// If the stream's key was changed, it goes through an internal topic first, which leaves out records without a key.
    ///
    /// - Parameters:
    ///   - table: the table; its topic must have as many partitions as the stream's.
    ///   - keys: how the stream's keys are written, if it goes through an internal topic or waits; may be left out if it
    ///     has them as they were read.
    ///   - values: how its values are written; likewise.
    ///   - grace: how far stream time must be past a record before its row is looked up, so that rows that come late are
    ///     found (KIP-923); for versioned tables only. Records then leave in the order of their times.
    ///   - name: the operator's name.
    ///   - join: makes the new value of the record's value and the row, if there is one.
    @inlinable
    public func leftJoin<Row, Joined>(
        _ table: KTable<Key, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ row: Row?) throws -> Joined
    ) -> KStream<Key, Joined> {
        let stream = besideTable("leftJoin", keys: keys, values: values, named: name)
        let result = stream.leftJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { _, _, value, row in try join(value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// The same with a function that is given the record's key as well.
    @inlinable
    public func leftJoin<Row, Joined>(
        _ table: KTable<Key, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ value: Value, _ row: Row?) throws -> Joined
    ) -> KStream<Key, Joined> {
        let stream = besideTable("leftJoin", keys: keys, values: values, named: name)
        let result = stream.leftJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { key, _, value, row in try join(key, value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// The same for a stream whose keys may be missing.
    @inlinable
    public func leftJoin<TableKey, Row, Joined>(
        _ table: KTable<TableKey, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ row: Row?) throws -> Joined
    ) -> KStream<Key, Joined> where Key == TableKey? {
        let stream = besideTable("leftJoin", keys: keys, values: values, named: name)
        let result = stream.leftJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { _, _, value, row in try join(value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// The same for a stream whose keys may be missing, with a function that is given the record's key as well.
    @inlinable
    public func leftJoin<TableKey, Row, Joined>(
        _ table: KTable<TableKey, Row>,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        grace: Duration? = nil,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ value: Value, _ row: Row?) throws -> Joined
    ) -> KStream<Key, Joined> where Key == TableKey? {
        let stream = besideTable("leftJoin", keys: keys, values: values, named: name)
        let result = stream.leftJoined(
            named: name,
            with: table.backing.rows(),
            by: { key, _ in key },
            after: grace,
            joining: { key, _, value, row in try join(key, value, row) }
        )
        assembly.graph.requireCopartitioning(of: [stream.node, table.node], for: result.node)
        return result
    }

    /// The stream with its records where a table's rows of the same keys are.
    @inlinable
    func besideTable(
        _ operation: String,
        keys: Serde<Key>?,
        values: Serde<Value>?,
        named name: String?
    ) -> KStream<Key, Value> {
        let stream = KStream(regrouping: self, keys: keys ?? self.keys, values: values ?? self.values)
        guard isRekeyed else { return stream }
        let topic = name ?? assembly.graph.deriveRepartitionName(for: operation, after: node)
        return stream.repartition(named: topic)
    }
}
