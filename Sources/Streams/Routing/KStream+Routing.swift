import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Writes each record to the topic that `topic` names for it: what Kafka Streams calls `TopicNameExtractor`.
    ///
    ///     readings.to { reading in "readings-\(reading.value.sensor)" }
    ///
    /// The topics must exist when they are first named; a record for one that does not is an error in production.
    ///
    /// - Parameters:
    ///   - keys: how keys are written; may be left out if the stream has them as they were read.
    ///   - values: how values are written; likewise.
    ///   - partitioner: chooses the partition; nil for that of the key.
    ///   - name: the operator's name.
    ///   - topic: names the topic of a record.
    @inlinable
    public func to(
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String? = nil,
        _ topic: @escaping @Sendable (Record<Key, Value>) throws -> String
    ) {
        let keys = keys ?? self.keys
        route(keys: keys, values: values ?? self.values, partitioner: partitioner, named: name, topic)
    }

    /// Writes each record to the topic that `topic` names for its key and value.
    @inlinable
    public func to(
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String? = nil,
        _ topic: @escaping @Sendable (Key, Value) throws -> String
    ) {
        let keys = keys ?? self.keys
        route(keys: keys, values: values ?? self.values, partitioner: partitioner, named: name) { record in
            try topic(record.key, record.value)
        }
    }

    /// Writes a stream whose values may be missing, each record to the topic that `topic` names for it; nil becomes null.
    @inlinable
    public func to<Wrapped>(
        keys: Serde<Key>? = nil,
        values: Serde<Wrapped>,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String? = nil,
        _ topic: @escaping @Sendable (Record<Key, Value>) throws -> String
    ) where Value == Wrapped? {
        route(keys: keys ?? self.keys, values: values.optional, partitioner: partitioner, named: name, topic)
    }

    @inlinable
    func route(
        keys: Serde<Key>?,
        values: Serde<Value>?,
        partitioner: StreamPartitioner<Key, Value>?,
        named name: String?,
        _ topic: @escaping @Sendable (Record<Key, Value>) throws -> String
    ) {
        let sink = assembly.graph.add(.dynamicSink, name: name, after: [node])
        let keys = assembly.require(keys, "keys", for: sink)
        let values = assembly.require(values, "values", for: sink)
        let name = assembly.name(of: sink)
        port.add { context in
            let outputs = context.outputsOnDemand(of: name)
            let scope = HeaderScope(context)
            let writer = SinkWriter(context, keys: keys, values: values, dropsNullKeys: false)
            let guarded = context.guarded(name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                guard let chosen = try guarded.attempt({ try topic(record) }) else { return }
                try outputs.write(to: chosen) { output in
                    var choice = PartitionChoice.byKey
                    if let partitioner { choice = try partitioner.choose(record, output.destination) }
                    try writer.write(key, value, timestamp, to: output, choice)
                }
            }
        }
    }

    /// Writes to one topic, to the partitions that a partitioner chooses.
    @inlinable
    func write(
        to topic: TopicReference,
        keys: Serde<Key>,
        values: Serde<Value>,
        partitioner: StreamPartitioner<Key, Value>,
        dropsNullKeys: Bool,
        by name: String
    ) {
        port.add { context in
            let output = context.output(to: topic)
            let destination = output.destination
            let scope = HeaderScope(context)
            let writer = SinkWriter(context, keys: keys, values: values, dropsNullKeys: dropsNullKeys)
            let guarded = context.guardedProduction(name, to: destination.name)
            return Out { key, value, timestamp in
                let headers = try scope.current()
                let record = Record(key: key, value: value, timestampMs: timestamp, headers: headers)
                _ = try guarded.attempt {
                    try writer.write(key, value, timestamp, to: output, try partitioner.choose(record, destination))
                }
            }
        }
    }
}

extension TopicOutput {
    /// The topic as a partitioner is told of it.
    @usableFromInline var destination: PartitionedTopic {
        PartitionedTopic(name: topic, partitionCount: partitionCount)
    }
}

/// Encodes the records of a sink and appends them where they were chosen to go.
@usableFromInline
struct SinkWriter<Key, Value> {
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let dropsNullKeys: Bool
    @usableFromInline let scratch = Scratch()
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>

    @inlinable
    init(_ context: TaskContext, keys: Serde<Key>, values: Serde<Value>, dropsNullKeys: Bool) {
        self.keys = keys
        self.values = values
        self.dropsNullKeys = dropsNullKeys
        record = context.record
    }

    @inlinable
    func write(
        _ key: Key,
        _ value: Value,
        _ timestamp: Int64,
        to output: TopicOutput,
        _ choice: PartitionChoice
    ) throws {
        let keyWriter = scratch.key
        let valueWriter = scratch.value
        keyWriter.pointee.removeAll()
        valueWriter.pointee.removeAll()
        let hasKey = try keys.write(key, &keyWriter.pointee)
        if dropsNullKeys, !hasKey { return }
        let hasValue = try values.write(value, &valueWriter.pointee)
        try output.append(
            to: choice,
            key: hasKey ? keyWriter.pointee.bytes : nil,
            value: hasValue ? valueWriter.pointee.bytes : nil,
            timestamp: timestamp,
            headers: record.pointee.headers
        )
        withExtendedLifetime(scratch) {}
    }
}
