import MillraceStreamsRuntime

/// An output of a processor besides its main one, with the types that flow there: what Kafka Streams calls a child by
/// name.
///
///     let alerts = OutputReference<String, Alert>("alerts")
///     let checked: KStream<String, Order> = orders.process { record, context in
///         try context.forward(record)
///         if record.value.isOdd { try context.forward(record.withValue(Alert(record.value)), to: alerts) }
///     }
///     checked.output(alerts).to("alerts", values: .json)
public struct OutputReference<Key, Value>: Sendable {
    /// The output's name, which the operators after it are named after.
    public let name: String
    @usableFromInline let identity = OutputIdentity()

    /// Names an output.
    public init(_ name: String) {
        self.name = name
    }
}

/// What tells one output reference from another.
@usableFromInline
final class OutputIdentity: Sendable {
    init() {}
}

/// The outputs of one processor that operators read.
@usableFromInline
final class ProcessorOutputs: @unchecked Sendable {
    // Sendable because only the thread that builds the topology adds to it, before `build()`; then it is only read.
    private struct Entry {
        var identity: OutputIdentity
        /// The port, whose types are those of the reference.
        var port: AnyObject
        var node: Int
        var compose: (TaskContext) -> AnyObject
    }

    /// Whether the processor leaves the key alone.
    let keepsKeys: Bool
    private var entries: [Entry] = []

    init(keepsKeys: Bool) {
        self.keepsKeys = keepsKeys
    }

    /// Where an output comes out of the processor, and its node: made by `add` when it is first asked for.
    func port<Key, Value>(
        of output: OutputReference<Key, Value>,
        add: () -> (port: Port<Key, Value>, node: Int)
    ) -> (port: Port<Key, Value>, node: Int) {
        if let known = entries.first(where: { $0.identity === output.identity }) {
            return (unsafeDowncast(known.port, to: Port<Key, Value>.self), known.node)
        }
        let (port, node) = add()
        entries.append(
            Entry(identity: output.identity, port: port, node: node) { Port<Key, Value>.Composed(port.compose($0)) }
        )
        return (port, node)
    }

    /// What comes after the outputs in a task.
    func compose(_ context: TaskContext) -> ComposedOutputs {
        ComposedOutputs(outs: entries.map { ($0.identity, $0.compose(context)) })
    }
}

/// What comes after the outputs of one processor in one task.
struct ComposedOutputs {
    /// By reference; a processor has few of them.
    fileprivate let outs: [(identity: OutputIdentity, composed: AnyObject)]

    func out<Key, Value>(
        of output: OutputReference<Key, Value>,
        from operatorName: String
    ) throws(ProcessorError) -> Out<Key, Value> {
        for (identity, composed) in outs where identity === output.identity {
            return unsafeDowncast(composed, to: Port<Key, Value>.Composed.self).out
        }
        throw .unknownOutput(operator: operatorName, output: output.name)
    }
}
