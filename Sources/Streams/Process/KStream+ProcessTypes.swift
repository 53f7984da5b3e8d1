// With the types of what is forwarded in the call, so that a chain goes on after it:
//
//     orders.processValues(as: Alarm.self, stores: recent) { record, context, recent in … }
//         .to("alarms", values: .json)
extension KStream {
    /// Works on each record with a function; see `process`.
    ///
    /// - Parameter types: the types of the keys and values that it forwards.
    @inlinable
    @discardableResult
    public func process<NewKey, NewValue, each Store>(
        as types: (NewKey.Type, NewValue.Type),
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ process:
            @escaping @Sendable (
                _ record: Record<Key, Value>, _ context: ProcessorContext<NewKey, NewValue>, _ stores: repeat each Store
            ) throws -> Void
    ) -> KStream<NewKey, NewValue> {
        self.process(stores: repeat each stores, named: name, process)
    }

    /// Works on each record with a processor, one for each task; see `process`.
    ///
    /// - Parameter types: the types of the keys and values that it forwards.
    @inlinable
    @discardableResult
    public func process<NewKey, NewValue, Worker: Processor<Key, Value>, each Store>(
        as types: (NewKey.Type, NewValue.Type),
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ make:
            @escaping @Sendable (_ context: ProcessorContext<NewKey, NewValue>, _ stores: repeat each Store) -> Worker
    ) -> KStream<NewKey, NewValue> {
        process(stores: repeat each stores, named: name, make)
    }

    /// Works on each record with a function that leaves the key alone; see `processValues`.
    ///
    /// - Parameter type: the type of the values that it forwards.
    @inlinable
    @discardableResult
    public func processValues<NewValue, each Store>(
        as type: NewValue.Type,
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ process:
            @escaping @Sendable (
                _ record: FixedKeyRecord<Key, Value>, _ context: FixedKeyProcessorContext<Key, NewValue>,
                _ stores: repeat each Store
            ) throws -> Void
    ) -> KStream<Key, NewValue> {
        processValues(stores: repeat each stores, named: name, process)
    }

    /// Works on each record with a processor that leaves the key alone, one for each task; see `processValues`.
    ///
    /// - Parameter type: the type of the values that it forwards.
    @inlinable
    @discardableResult
    public func processValues<NewValue, Worker: FixedKeyProcessor<Key, Value>, each Store>(
        as type: NewValue.Type,
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ make:
            @escaping @Sendable (
                _ context: FixedKeyProcessorContext<Key, NewValue>, _ stores: repeat each Store
            ) -> Worker
    ) -> KStream<Key, NewValue> {
        processValues(stores: repeat each stores, named: name, make)
    }
}
