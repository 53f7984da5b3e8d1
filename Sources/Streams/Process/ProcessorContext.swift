import MillraceStreamsRuntime

/// How a processor passes records on, and all that a `ProcessorScope` has.
public final class ProcessorContext<Key, Value>: ProcessorScope {
    @usableFromInline let next: Out<Key, Value>
    private let outputs: ComposedOutputs

    @usableFromInline
    init(_ operatorName: String, in context: TaskContext, next: Out<Key, Value>, outputs: ProcessorOutputs) {
        self.next = next
        self.outputs = outputs.compose(context)
        super.init(operatorName, in: context)
    }

    /// Passes a record on to all operators after this one, one after the other; it has gone through them when this
    /// returns.
    @inlinable
    public func forward(_ record: Record<Key, Value>) throws {
        try pass(record.key, record.value, record.timestampMs, record.headers, to: next)
    }

    /// Passes a record on to one output: to those operators only that come after `output(_:)` with this reference.
    @inlinable
    public func forward<OutputKey, OutputValue>(
        _ record: Record<OutputKey, OutputValue>,
        to output: OutputReference<OutputKey, OutputValue>
    ) throws {
        try pass(record.key, record.value, record.timestampMs, record.headers, to: try out(output))
    }

    @usableFromInline
    func out<OutputKey, OutputValue>(
        _ output: OutputReference<OutputKey, OutputValue>
    ) throws -> Out<OutputKey, OutputValue> {
        try outputs.out(of: output, from: operatorName)
    }
}

/// How a processor that leaves the key alone passes records on, and all that a `ProcessorScope` has.
public final class FixedKeyProcessorContext<Key, Value>: ProcessorScope {
    @usableFromInline let next: Out<Key, Value>
    private let outputs: ComposedOutputs

    @usableFromInline
    init(_ operatorName: String, in context: TaskContext, next: Out<Key, Value>, outputs: ProcessorOutputs) {
        self.next = next
        self.outputs = outputs.compose(context)
        super.init(operatorName, in: context)
    }

    /// Passes a record on to all operators after this one, one after the other; it has gone through them when this
    /// returns.
    @inlinable
    public func forward(_ record: FixedKeyRecord<Key, Value>) throws {
        try pass(record.key, record.value, record.timestampMs, record.headers, to: next)
    }

    /// Passes a record on to one output: to those operators only that come after `output(_:)` with this reference.
    @inlinable
    public func forward<OutputValue>(
        _ record: FixedKeyRecord<Key, OutputValue>,
        to output: OutputReference<Key, OutputValue>
    ) throws {
        try pass(record.key, record.value, record.timestampMs, record.headers, to: try out(output))
    }

    @usableFromInline
    func out<OutputValue>(_ output: OutputReference<Key, OutputValue>) throws -> Out<Key, OutputValue> {
        try outputs.out(of: output, from: operatorName)
    }
}
