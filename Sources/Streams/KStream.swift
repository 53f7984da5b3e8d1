import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceStreamsRuntime
import MillraceTopology

/// A stream of records, each a fact of its own: what Kafka Streams calls `KStream`.
///
/// A description, not a sequence: operators add to the topology, and their functions run once the topology does, on the
/// stream threads; therefore they must be `@Sendable`, and may throw.
public struct KStream<Key, Value> {
    @usableFromInline let assembly: TopologyAssembly
    @usableFromInline let node: TopologyGraph.NodeId
    @usableFromInline let port: Port<Key, Value>
    /// How keys are written, as far as it is known.
    @usableFromInline let keys: Serde<Key>?
    /// How values are written, as far as it is known.
    @usableFromInline let values: Serde<Value>?
    /// Whether records may lie in another partition than their key asks for.
    @usableFromInline let isRekeyed: Bool

    @usableFromInline
    init(
        assembly: TopologyAssembly,
        node: TopologyGraph.NodeId,
        port: Port<Key, Value> = Port(),
        keys: Serde<Key>?,
        values: Serde<Value>?,
        isRekeyed: Bool
    ) {
        self.assembly = assembly
        self.node = node
        self.port = port
        self.keys = keys
        self.values = values
        self.isRekeyed = isRekeyed
    }

    /// A stream that begins at topics.
    @inlinable
    init(
        source topics: [TopicReference],
        named name: String?,
        in assembly: TopologyAssembly,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value> = .ofRecord(),
        offsetReset: OffsetReset? = nil
    ) {
        self.init(
            reading: .source(topics),
            named: name,
            in: assembly,
            keys: keys,
            values: values,
            timestamps: timestamps,
            offsetReset: offsetReset
        )
    }

    /// A stream of what feeds a global store.
    @inlinable
    init(
        globalSource topic: String,
        named name: String?,
        in assembly: TopologyAssembly,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value>
    ) {
        self.init(
            reading: .globalSource(topic),
            named: name,
            in: assembly,
            keys: keys,
            values: values,
            timestamps: timestamps,
            offsetReset: nil
        )
    }

    @inlinable
    init(
        reading kind: TopologyGraph.Kind,
        named name: String?,
        in assembly: TopologyAssembly,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value>,
        offsetReset: OffsetReset?
    ) {
        let node = assembly.graph.add(kind, name: name)
        self.init(assembly: assembly, node: node, keys: keys, values: values, isRekeyed: false)
        let port = self.port
        let name = assembly.name(of: node)
        assembly.setCode(
            SourceCode(offsetReset: offsetReset) { context in
                let next = port.compose(context)
                guard timestamps.isPlain else {
                    return KStream.extractingDriver(
                        context,
                        keys: keys,
                        values: values,
                        timestamps: timestamps,
                        ahead: context.takeLookAhead(),
                        decoding: context.guardedDecoding(name),
                        extracting: context.guarded(name),
                        next: next
                    )
                }
                return KStream.driver(
                    context,
                    keys: keys,
                    values: values,
                    ahead: context.takeLookAhead(),
                    decoding: context.guardedDecoding(name),
                    next: next
                )
            },
            of: node
        )
    }

    /// The operator's name.
    @usableFromInline var name: String { assembly.name(of: node) }

    /// An operator that passes on records of the same type.
    @inlinable
    func child(_ operation: String, _ name: String?) -> KStream<Key, Value> {
        KStream(
            assembly: assembly,
            node: assembly.add(operation, named: name, after: [node]),
            keys: keys,
            values: values,
            isRekeyed: isRekeyed
        )
    }

    /// The record loop of a source.
    @inlinable
    static func driver(
        _ context: TaskContext,
        keys: Serde<Key>,
        values: Serde<Value>,
        ahead: KeyLookAhead?,
        decoding: DecodingGuard,
        next: Out<Key, Value>
    ) -> SourceDriver {
        let record = context.record
        let failures = context.failures
        let noHeaders = UnsafeRawBufferPointer(start: nil, count: 0)
        let dueMs = context.streamTimeSchedule.dueMs
        return SourceDriver { position, limits in
            var cursor = position.pointee
            var processed = 0
            var slot: Value?
            defer {
                position.pointee = cursor
                record.pointee.processed += processed
            }
            while processed < limits.maximumCount, !record.pointee.isSliceOver {
                if let ahead, cursor.isScoutDue { ahead.warm(&cursor) }
                let before = cursor
                guard let view = try cursor.next() else { return }
                if view.offset < limits.startOffset { continue }
                if view.timestamp > limits.maximumTimestamp {
                    cursor = before
                    return
                }
                record.pointee.offset = view.offset
                record.pointee.timestamp = view.timestamp
                record.pointee.headers = view.hasHeaders ? view.headers : noHeaders
                record.pointee.key = view.key
                record.pointee.value = view.value
                if view.timestamp < 0 { throw failures.failureWithoutTime() }
                // What the guards may have to call again is taken from `record`, so that nothing else must be kept for them.
                guard let key = try decoding.key({ try keys.read(record.pointee.key) }),
                    try decoding.value({ try values.read(record.pointee.value, into: &slot) }) != nil,
                    let value = slot.take()
                else { continue }
                processed &+= 1
                if view.timestamp > record.pointee.partitionTimeMs { record.pointee.advanceTime(to: view.timestamp) }
                try next.push(key, value, view.timestamp)
                slot = value
                if record.pointee.streamTimeMs >= dueMs.pointee { return }
            }
        }
    }
}
