import MillraceStreamsRuntime

/// Finds a table's rows in one task: what Kafka Streams calls a value getter.
///
/// For a table without a store it asks the table it was derived from and goes on from there. Used by the task's thread.
@usableFromInline
struct RowLookup<Key, Value> {
    /// A row: its value, and the timestamp of the record that it comes from, in milliseconds.
    @usableFromInline typealias Row = (value: Value, timestampMs: Int64)

    /// The row of a key, what a cache holds back included; nil if there is none.
    @usableFromInline let latest: (Key) throws -> Row?
    /// The row of a key that was valid at a time, in milliseconds; of a table without versions, the latest.
    @usableFromInline let asOf: (Key, Int64) throws -> Row?
    /// Says that results are made of rows as they are found, not only when the table passes them on: a row that was found and
    /// is gone by the flush is then passed on as gone.
    @usableFromInline var willAnswer: () -> Void = {}

    /// The lookup of a versioned table.
    @inlinable
    init(latest: @escaping (Key) throws -> Row?, asOf: @escaping (Key, Int64) throws -> Row?) {
        self.latest = latest
        self.asOf = asOf
    }

    /// The lookup of a table without versions.
    @inlinable
    init(latest: @escaping (Key) throws -> Row?) {
        self.init(latest: latest, asOf: { key, _ in try latest(key) })
    }

    /// The lookup of a table that makes its rows from this one's, one by one. A row that the step makes of nothing has no
    /// time, -1; one at which the step fails, where the policy goes on, is none.
    @inlinable
    func mapped<NewValue>(_ step: RowStep<Key, Value, NewValue>, _ guarded: OperatorGuard) -> RowLookup<Key, NewValue> {
        let (latest, asOf) = (latest, asOf)
        var mapped = RowLookup<Key, NewValue>(
            latest: { key in
                let row = try latest(key)
                guard case .some(.some(let value)) = try guarded.attempt({ try step.run(key, row?.value) }) else {
                    return nil
                }
                return (value, row?.timestampMs ?? -1)
            },
            asOf: { key, timestampMs in
                let row = try asOf(key, timestampMs)
                guard case .some(.some(let value)) = try guarded.attempt({ try step.run(key, row?.value) }) else {
                    return nil
                }
                return (value, row?.timestampMs ?? -1)
            }
        )
        mapped.willAnswer = willAnswer
        return mapped
    }
}

/// The rows of a table as another operator uses them.
@usableFromInline
struct TableRows<Key, Value>: Sendable {
    /// The stores that they lie in, which the operator must be connected to.
    @usableFromInline let stores: [String]
    /// How far back a row can be looked up as of a time, in milliseconds; nil for a table without versions.
    @usableFromInline let historyMs: Int64?
    /// Makes the lookup of a task.
    @usableFromInline let compose: @Sendable (TaskContext) -> RowLookup<Key, Value>

    @usableFromInline
    init(
        stores: [String],
        historyMs: Int64? = nil,
        compose: @escaping @Sendable (TaskContext) -> RowLookup<Key, Value>
    ) {
        self.stores = stores
        self.historyMs = historyMs
        self.compose = compose
    }
}
