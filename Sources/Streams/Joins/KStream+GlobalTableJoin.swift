extension KStream {
    /// Gives each record the row of a global table that it leads to, as the table is when the record is looked at.
    /// Records that lead to no row are left out, and so are those whose value is nil.
    ///
    /// - Parameters:
    ///   - table: the table.
    ///   - key: makes the key of the row of a record's key and value; nil for no row.
    ///   - name: the operator's name.
    ///   - join: makes the new value of the record's value and the row.
    @inlinable
    public func join<TableKey, Row, Joined>(
        _ table: GlobalKTable<TableKey, Row>,
        key: @escaping @Sendable (_ key: Key, _ value: Value) throws -> TableKey?,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ row: Row) throws -> Joined
    ) -> KStream<Key, Joined> {
        innerJoined(named: name, with: table.rows, by: key) { _, _, value, row in try join(value, row) }
    }

    /// The same with a function that is given the record's key as well.
    @inlinable
    public func join<TableKey, Row, Joined>(
        _ table: GlobalKTable<TableKey, Row>,
        key: @escaping @Sendable (_ key: Key, _ value: Value) throws -> TableKey?,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ value: Value, _ row: Row) throws -> Joined
    ) -> KStream<Key, Joined> {
        innerJoined(named: name, with: table.rows, by: key) { key, _, value, row in try join(key, value, row) }
    }

    /// The same with a function that is given the record's key and that of the row as well (KIP-1340).
    @inlinable
    public func join<TableKey, Row, Joined>(
        _ table: GlobalKTable<TableKey, Row>,
        key: @escaping @Sendable (_ key: Key, _ value: Value) throws -> TableKey?,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ tableKey: TableKey, _ value: Value, _ row: Row) throws -> Joined
    ) -> KStream<Key, Joined> {
        innerJoined(named: name, with: table.rows, by: key, joining: join)
    }

    /// Gives each record the row of a global table that it leads to, as the table is when the record is looked at; nil
    /// if it leads to none. Records whose value is nil are left out.
    ///
    /// - Parameters:
    ///   - table: the table.
    ///   - key: makes the key of the row of a record's key and value; nil for no row.
    ///   - name: the operator's name.
    ///   - join: makes the new value of the record's value and the row, if there is one.
    @inlinable
    public func leftJoin<TableKey, Row, Joined>(
        _ table: GlobalKTable<TableKey, Row>,
        key: @escaping @Sendable (_ key: Key, _ value: Value) throws -> TableKey?,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ value: Value, _ row: Row?) throws -> Joined
    ) -> KStream<Key, Joined> {
        leftJoined(named: name, with: table.rows, by: key) { _, _, value, row in try join(value, row) }
    }

    /// The same with a function that is given the record's key as well.
    @inlinable
    public func leftJoin<TableKey, Row, Joined>(
        _ table: GlobalKTable<TableKey, Row>,
        key: @escaping @Sendable (_ key: Key, _ value: Value) throws -> TableKey?,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ value: Value, _ row: Row?) throws -> Joined
    ) -> KStream<Key, Joined> {
        leftJoined(named: name, with: table.rows, by: key) { key, _, value, row in try join(key, value, row) }
    }

    /// The same with a function that is given the record's key and that of the row as well (KIP-1340).
    @inlinable
    public func leftJoin<TableKey, Row, Joined>(
        _ table: GlobalKTable<TableKey, Row>,
        key: @escaping @Sendable (_ key: Key, _ value: Value) throws -> TableKey?,
        named name: String? = nil,
        _ join: @escaping @Sendable (_ key: Key, _ tableKey: TableKey?, _ value: Value, _ row: Row?) throws -> Joined
    ) -> KStream<Key, Joined> {
        leftJoined(named: name, with: table.rows, by: key, joining: join)
    }
}
