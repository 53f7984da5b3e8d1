import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Works on each record with a function that forwards any number of records, of whatever kind, and has stores.
    ///
    ///     let seen = Stores.keyValue("seen", keys: .utf8, values: .int64)
    ///     let numbered: KStream<String, String> = lines.process(stores: seen) { record, context, seen in
    ///         let number = (try seen.get(record.key) ?? 0) + 1
    ///         try seen.put(record.key, number)
    ///         try context.forward(record.withValue("\(number): \(record.value)"))
    ///     }
    ///
    /// Since the key may change, grouping by key afterwards repartitions; the stream itself is not repartitioned before.
    /// When the function throws, what it has stored and forwarded until then stays, if the application's policy is to go
    /// on.
    ///
    /// - Parameters:
    ///   - stores: the stores that the function gets; operators that name the same reference share the store.
    ///   - name: the operator's name.
    ///   - process: gets the record, what to forward with, and the stores.
    @inlinable
    @discardableResult
    public func process<NewKey, NewValue, each Store>(
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ process:
            @escaping @Sendable (
                _ record: Record<Key, Value>, _ context: ProcessorContext<NewKey, NewValue>, _ stores: repeat each Store
            ) throws -> Void
    ) -> KStream<NewKey, NewValue> {
        let (result, outputs): (KStream<NewKey, NewValue>, ProcessorOutputs) = processed(
            name,
            stores: repeat each stores
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let scope = ProcessorContext(name, in: context, next: target.compose(context), outputs: outputs)
            let instances = (repeat (each stores).instance(in: context))
            let (guarded, failures) = (scope.guarded, scope.failures)
            return Out { key, value, timestamp in
                let record = Record(
                    key: key,
                    value: value,
                    timestampMs: timestamp,
                    headers: try scope.headerScope.current()
                )
                guard try guarded.attempt({ try process(record, scope, repeat each instances) }) != nil else { return }
                try failures.throwIfEscaped()
            }
        }
        return result
    }

    /// Works on each record with a processor, one for each task, that forwards any number of records, of whatever kind.
    ///
    ///     lines.process(stores: seen) { Numbering($0, seen: $1) }
    ///
    /// - Parameters:
    ///   - stores: the stores that the processors get; operators that name the same reference share the store.
    ///   - name: the operator's name.
    ///   - make: makes a task's processor, from what it forwards with and its stores.
    @inlinable
    @discardableResult
    public func process<NewKey, NewValue, Worker: Processor<Key, Value>, each Store>(
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ make:
            @escaping @Sendable (_ context: ProcessorContext<NewKey, NewValue>, _ stores: repeat each Store) -> Worker
    ) -> KStream<NewKey, NewValue> {
        let (result, outputs): (KStream<NewKey, NewValue>, ProcessorOutputs) = processed(
            name,
            stores: repeat each stores
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let scope = ProcessorContext(name, in: context, next: target.compose(context), outputs: outputs)
            let running = RunningProcessor(
                make(scope, repeat (each stores).instance(in: context)),
                scope: scope,
                start: { try $0.start() },
                close: { $0.close() }
            )
            context.enlist(running)
            let worker = running.worker
            let (guarded, failures) = (scope.guarded, scope.failures)
            return Out { key, value, timestamp in
                let record = Record(
                    key: key,
                    value: value,
                    timestampMs: timestamp,
                    headers: try scope.headerScope.current()
                )
                guard try guarded.attempt({ try worker.pointee.process(record) }) != nil else { return }
                try failures.throwIfEscaped()
            }
        }
        return result
    }

    /// Works on each record with a function that forwards any number of records of the same key, and has stores. Nothing
    /// needs to be repartitioned afterwards.
    ///
    /// - Parameters:
    ///   - stores: the stores that the function gets; operators that name the same reference share the store.
    ///   - name: the operator's name.
    ///   - process: gets the record, what to forward with, and the stores.
    @inlinable
    @discardableResult
    public func processValues<NewValue, each Store>(
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ process:
            @escaping @Sendable (
                _ record: FixedKeyRecord<Key, Value>, _ context: FixedKeyProcessorContext<Key, NewValue>,
                _ stores: repeat each Store
            ) throws -> Void
    ) -> KStream<Key, NewValue> {
        let (result, outputs): (KStream<Key, NewValue>, ProcessorOutputs) = valuesProcessed(
            "processValues",
            name,
            stores: repeat each stores
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let scope = FixedKeyProcessorContext(name, in: context, next: target.compose(context), outputs: outputs)
            let instances = (repeat (each stores).instance(in: context))
            let (guarded, failures) = (scope.guarded, scope.failures)
            return Out { key, value, timestamp in
                let record = FixedKeyRecord(
                    key: key,
                    value: value,
                    timestampMs: timestamp,
                    headers: try scope.headerScope.current()
                )
                guard try guarded.attempt({ try process(record, scope, repeat each instances) }) != nil else { return }
                try failures.throwIfEscaped()
            }
        }
        return result
    }

    /// Works on each record with a processor, one for each task, that forwards any number of records of the same key.
    ///
    /// - Parameters:
    ///   - stores: the stores that the processors get; operators that name the same reference share the store.
    ///   - name: the operator's name.
    ///   - make: makes a task's processor, from what it forwards with and its stores.
    @inlinable
    @discardableResult
    public func processValues<NewValue, Worker: FixedKeyProcessor<Key, Value>, each Store>(
        stores: repeat StoreReference<each Store>,
        named name: String? = nil,
        _ make:
            @escaping @Sendable (
                _ context: FixedKeyProcessorContext<Key, NewValue>, _ stores: repeat each Store
            ) -> Worker
    ) -> KStream<Key, NewValue> {
        worked("processValues", named: name, stores: repeat each stores, by: make)
    }

    /// Adds an operator whose work is a processor's, the user's or one of ours.
    @inlinable
    func worked<NewValue, Worker: FixedKeyProcessor<Key, Value>, each Store>(
        _ operation: String,
        named name: String?,
        stores: repeat StoreReference<each Store>,
        by make:
            @escaping @Sendable (
                _ context: FixedKeyProcessorContext<Key, NewValue>, _ stores: repeat each Store
            ) -> Worker
    ) -> KStream<Key, NewValue> {
        let (result, outputs): (KStream<Key, NewValue>, ProcessorOutputs) = valuesProcessed(
            operation,
            name,
            stores: repeat each stores
        )
        let target = result.port
        let name = result.name
        port.add { context in
            let scope = FixedKeyProcessorContext(name, in: context, next: target.compose(context), outputs: outputs)
            let running = RunningProcessor(
                make(scope, repeat (each stores).instance(in: context)),
                scope: scope,
                start: { try $0.start() },
                close: { $0.close() }
            )
            context.enlist(running)
            let worker = running.worker
            let (guarded, failures) = (scope.guarded, scope.failures)
            return Out { key, value, timestamp in
                let record = FixedKeyRecord(
                    key: key,
                    value: value,
                    timestampMs: timestamp,
                    headers: try scope.headerScope.current()
                )
                guard try guarded.attempt({ try worker.pointee.process(record) }) != nil else { return }
                try failures.throwIfEscaped()
            }
        }
        return result
    }

    /// One of the outputs of a processor, besides the main one; this is the stream that `process` or `processValues`
    /// returned. The outputs of `processValues` have this stream's keys, and as little need to be repartitioned.
    public func output<OutputKey, OutputValue>(
        _ output: OutputReference<OutputKey, OutputValue>,
        keys: Serde<OutputKey>? = nil,
        values: Serde<OutputValue>? = nil
    ) -> KStream<OutputKey, OutputValue> {
        let outputs = assembly.outputs(of: node)
        let keepsKeys = outputs?.keepsKeys ?? false
        let keys = keys ?? (keepsKeys ? self.keys as? Serde<OutputKey> : nil)
        let isRekeyed = keepsKeys ? self.isRekeyed : true
        func add() -> KStream<OutputKey, OutputValue> {
            changed("output", "\(name)-\(output.name)", keys: keys, values: values, isRekeyed: isRekeyed)
        }
        guard let outputs else {
            assembly.graph.report(.outputOfNoProcessor(operator: name, output: output.name))
            return add()
        }
        let (port, node) = outputs.port(of: output) {
            let stream = add()
            return (stream.port, stream.node)
        }
        return KStream<OutputKey, OutputValue>(
            assembly: assembly,
            node: node,
            port: port,
            keys: keys,
            values: values,
            isRekeyed: isRekeyed
        )
    }

    @inlinable
    func processed<NewKey, NewValue, each Store>(
        _ name: String?,
        stores: repeat StoreReference<each Store>
    ) -> (KStream<NewKey, NewValue>, ProcessorOutputs) {
        let result: KStream<NewKey, NewValue> = changed("process", name, keys: nil, values: nil, isRekeyed: true)
        repeat assembly.connect(each stores, to: result.node)
        return (result, assembly.addOutputs(to: result.node, keepsKeys: false))
    }

    @inlinable
    func valuesProcessed<NewValue, each Store>(
        _ operation: String,
        _ name: String?,
        stores: repeat StoreReference<each Store>
    ) -> (KStream<Key, NewValue>, ProcessorOutputs) {
        let result: KStream<Key, NewValue> = changed(
            operation,
            name,
            keys: keys,
            values: nil,
            isRekeyed: isRekeyed
        )
        repeat assembly.connect(each stores, to: result.node)
        return (result, assembly.addOutputs(to: result.node, keepsKeys: true))
    }
}
