import MillraceRecordFormat
import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Makes another record of each record, with its timestamp and headers. Since the key may change, grouping by key
    /// afterwards repartitions.
    ///
    /// - Parameters:
    ///   - keys: how the new keys are written; may be left out if nobody writes them.
    ///   - values: how the new values are written; likewise.
    ///   - name: the operator's name.
    ///   - transform: makes the new record. A negative timestamp is an error of the operator.
    @inlinable
    public func mapRecords<NewKey, NewValue>(
        keys newKeys: Serde<NewKey>? = nil,
        values newValues: Serde<NewValue>? = nil,
        named name: String? = nil,
        _ transform: @escaping @Sendable (Record<Key, Value>) throws -> Record<NewKey, NewValue>
    ) -> KStream<NewKey, NewValue> {
        let result: KStream<NewKey, NewValue> = changed(
            "mapRecords",
            name,
            keys: newKeys,
            values: newValues,
            isRekeyed: true
        )
        let name = result.name
        let target = result.port
        port.add { context in
            let next = target.compose(context)
            let scope = HeaderScope(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                guard let new = try guarded.attempt({ try transform(record).checked() }) else { return }
                try scope.replacing(headers, with: new.headers) {
                    try next.push(new.key, new.value, new.timestampMs)
                }
            }
        }
        return result
    }

    /// Gives each record other headers.
    ///
    ///     orders.mapHeaders { $0.headers + [RecordHeader("seen-by", text: "billing")] }
    @inlinable
    public func mapHeaders<Headers: Sequence>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Record<Key, Value>) throws -> Headers
    ) -> KStream<Key, Value> where Headers.Element == RecordHeader {
        let result = child("mapHeaders", name)
        let name = result.name
        let target = result.port
        port.add { context in
            let next = target.compose(context)
            let scope = HeaderScope(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                guard let new = try guarded.attempt({ RecordHeaders(Array(try transform(record))) }) else { return }
                try scope.replacing(headers, with: new) { try next.push(key, value, timestamp) }
            }
        }
        return result
    }

    /// Gives each record another timestamp, in milliseconds since 1970. The order of processing stays as it was; what
    /// comes after this, such as windows, goes by the new one.
    @inlinable
    public func mapTimestamps(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Record<Key, Value>) throws -> Int64
    ) -> KStream<Key, Value> {
        let result = child("mapTimestamps", name)
        let name = result.name
        let target = result.port
        port.add { context in
            let next = target.compose(context)
            let scope = HeaderScope(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                guard let new = try guarded.attempt({ try RecordError.check(timestampMs: try transform(record)) })
                else {
                    return
                }
                try next.push(key, value, new)
            }
        }
        return result
    }

    /// Keeps the records for which `isIncluded` is true; it sees the whole record.
    @inlinable
    public func filter(
        named name: String? = nil,
        _ isIncluded: @escaping @Sendable (Record<Key, Value>) throws -> Bool
    ) -> KStream<Key, Value> {
        let result = child("filter", name)
        let name = result.name
        let target = result.port
        port.add { context in
            let next = target.compose(context)
            let scope = HeaderScope(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                guard try guarded.attempt({ try isIncluded(record) }) == true else { return }
                try next.push(key, value, timestamp)
            }
        }
        return result
    }

    /// Calls `action` with each whole record and passes it on unchanged.
    @inlinable
    public func peek(
        named name: String? = nil,
        _ action: @escaping @Sendable (Record<Key, Value>) throws -> Void
    ) -> KStream<Key, Value> {
        let result = child("peek", name)
        let name = result.name
        let target = result.port
        port.add { context in
            let next = target.compose(context)
            let scope = HeaderScope(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                guard try guarded.attempt({ try action(record) }) != nil else { return }
                try next.push(key, value, timestamp)
            }
        }
        return result
    }

    /// Calls `action` with each whole record and ends there. What it does outside of the log is not part of the commit:
    /// it may be done again after a crash.
    @inlinable
    public func forEach(
        named name: String? = nil,
        _ action: @escaping @Sendable (Record<Key, Value>) throws -> Void
    ) {
        let name = assembly.name(of: assembly.add("forEach", named: name, after: [node]))
        port.add { context in
            let scope = HeaderScope(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                _ = try guarded.attempt { try action(record) }
            }
        }
    }

    /// Writes a line for each record, as Kafka Streams' `Printed` does: `[label]: key, value`. Ends there.
    ///
    ///     orders.print(label: "orders") { line in print(line) }
    ///
    /// - Parameters:
    ///   - label: what the line begins with; nil for the name of the operator before.
    ///   - name: the operator's name.
    ///   - write: takes a line without its end.
    @inlinable
    public func print(
        label: String? = nil,
        named name: String? = nil,
        to write: @escaping @Sendable (String) throws -> Void
    ) {
        let label = label ?? assembly.name(of: node)
        let name = assembly.name(of: assembly.add("print", named: name, after: [node]))
        port.add { context in
            let guarded = context.guarded(name)
            return Out { key, value, _ in
                _ = try guarded.attempt { try write("[\(label)]: \(key), \(value)") }
            }
        }
    }
}
