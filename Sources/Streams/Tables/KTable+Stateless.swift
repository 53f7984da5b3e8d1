extension KTable {
    /// Keeps the rows for which `isIncluded` is true. A row that no longer fits is removed.
    ///
    /// Without a store, and without old values of the table before it, a deletion is passed on for every row that does not
    /// fit, even if it was never there.
    ///
    /// - Parameters:
    ///   - store: where the result is kept; nil for nowhere, so that rows are looked up in the table before it.
    ///   - name: the operator's name.
    ///   - isIncluded: takes a row's key and value.
    @inlinable
    public func filter(
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ isIncluded: @escaping @Sendable (Key, Value) throws -> Bool
    ) -> KTable<Key, Value> {
        derived("filter", named: name, values: values, store: store, isSelection: true) { _ in
            RowStep { key, value in
                guard let value, try isIncluded(key, value) else { return nil }
                return value
            }
        }
    }

    /// Keeps the rows for which `isExcluded` is false; see `filter`.
    @inlinable
    public func filterNot(
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ isExcluded: @escaping @Sendable (Key, Value) throws -> Bool
    ) -> KTable<Key, Value> {
        derived("filterNot", named: name, values: values, store: store, isSelection: true) { _ in
            RowStep { key, value in
                guard let value, try !isExcluded(key, value) else { return nil }
                return value
            }
        }
    }

    /// Makes another value of each row's value.
    ///
    /// - Parameters:
    ///   - newValues: how the new values are written, where a store or another operator must write them.
    ///   - store: where the result is kept; nil for nowhere, so that a row is made anew when somebody looks it up.
    ///   - name: the operator's name.
    ///   - transform: takes a row's value; it is not called for rows that are removed.
    @inlinable
    public func mapValues<NewValue>(
        values newValues: Serde<NewValue>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ transform: @escaping @Sendable (Value) throws -> NewValue
    ) -> KTable<Key, NewValue> {
        let isAbsent = Absence.check(NewValue.self)
        return derived("mapValues", named: name, values: newValues, store: store) { _ in
            RowStep { _, value in try value.flatMap { isAbsent.present(try transform($0)) } }
        }
    }

    /// Makes another value of each row's key and value.
    @inlinable
    public func mapValues<NewValue>(
        values newValues: Serde<NewValue>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) throws -> NewValue
    ) -> KTable<Key, NewValue> {
        let isAbsent = Absence.check(NewValue.self)
        return derived("mapValues", named: name, values: newValues, store: store) { _ in
            RowStep { key, value in try value.flatMap { isAbsent.present(try transform(key, $0)) } }
        }
    }

    /// Makes another value of each row's value, or none: nil removes the row. See `mapValues`.
    @inlinable
    public func compactMapValues<NewValue>(
        values newValues: Serde<NewValue>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ transform: @escaping @Sendable (Value) throws -> NewValue?
    ) -> KTable<Key, NewValue> {
        derived("mapValues", named: name, values: newValues, store: store) { _ in
            RowStep { _, value in try value.flatMap { try transform($0) } }
        }
    }

    /// Makes another value of each row's key and value, or none: nil removes the row. See `mapValues`.
    @inlinable
    public func compactMapValues<NewValue>(
        values newValues: Serde<NewValue>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) throws -> NewValue?
    ) -> KTable<Key, NewValue> {
        derived("mapValues", named: name, values: newValues, store: store) { _ in
            RowStep { key, value in try value.flatMap { try transform(key, $0) } }
        }
    }

    /// Makes another value of each row with a function that has stores of its own.
    ///
    ///     let changes = Stores.keyValue("changes", keys: .utf8, values: .int64)
    ///     table.transformValues(stores: changes) { key, value, changes in
    ///         let count = (try changes.get(key) ?? 0) + 1
    ///         try changes.put(key, count)
    ///         return value.map { "\($0), changed \(count) times" }
    ///     }
    ///
    /// Without `store:` the function also runs, with the stores as they are then, when another operator looks a row up or
    /// must know the value before an update: one whose results follow from the key and value alone does no harm there.
    ///
    /// - Parameters:
    ///   - stores: the stores that the function gets; operators that name the same reference share the store.
    ///   - newValues: how the new values are written, where a store or another operator must write them.
    ///   - store: where the result is kept; nil for nowhere.
    ///   - name: the operator's name.
    ///   - transform: takes a row's key, its value (nil when it is removed) and the stores; nil removes the row.
    @inlinable
    public func transformValues<NewValue, each Store>(
        stores: repeat StoreReference<each Store>,
        values newValues: Serde<NewValue>? = nil,
        store: StoreOptions? = nil,
        named name: String? = nil,
        _ transform:
            @escaping @Sendable (_ key: Key, _ value: Value?, _ stores: repeat each Store) throws -> NewValue?
    ) -> KTable<Key, NewValue> {
        let assembly = assembly
        return derived(
            "transformValues",
            named: name,
            values: newValues,
            store: store,
            connect: { node in repeat assembly.connect(each stores, to: node) },
            { context in
                let instances = (repeat (each stores).instance(in: context))
                return RowStep { key, value in try transform(key, value, repeat each instances) }
            }
        )
    }
}
