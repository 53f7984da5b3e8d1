import MillraceStreamsRuntime

extension KStream {
    /// Makes another value of each value, or none: a record for which `transform` gives nil is left out.
    ///
    ///     let bids = events.compactMapValues { event in event.bid }
    @inlinable
    public func compactMapValues<NewValue>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Value) throws -> NewValue?
    ) -> KStream<Key, NewValue> {
        compactMapValues(named: name) { _, value in try transform(value) }
    }

    /// Makes another value of each value and its key, or none: a record for which `transform` gives nil is left out.
    @inlinable
    public func compactMapValues<NewValue>(
        named name: String? = nil,
        _ transform: @escaping @Sendable (Key, Value) throws -> NewValue?
    ) -> KStream<Key, NewValue> {
        let result: KStream<Key, NewValue> = changed(
            "compactMapValues",
            name,
            keys: keys,
            values: nil,
            isRekeyed: isRekeyed
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                guard case .some(.some(let newValue)) = try guarded.attempt({ try transform(key, value) }) else {
                    return
                }
                try next.push(key, newValue, timestamp)
            }
        }
        return result
    }
}
