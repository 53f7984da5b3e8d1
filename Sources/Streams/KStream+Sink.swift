import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Writes the stream to a topic, each record to the partition of its key as Kafka's default partitioner chooses it,
    /// or to those that a partitioner of your own chooses.
    ///
    /// - Parameters:
    ///   - topic: the topic; it must exist when the application starts.
    ///   - keys: how keys are written; may be left out if the stream has them as they were read.
    ///   - values: how values are written; likewise.
    ///   - partitioner: chooses the partition, several or none; nil for that of the key.
    ///   - name: the operator's name.
    @inlinable
    public func to(
        _ topic: String,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String? = nil
    ) {
        write(
            to: .external(topic),
            keys: keys ?? self.keys,
            values: values ?? self.values,
            partitioner: partitioner,
            named: name
        )
    }

    /// Writes a stream whose values may be missing, such as that of a table: nil becomes null, which deletes the key on a
    /// compacted topic.
    @inlinable
    public func to<Wrapped>(
        _ topic: String,
        keys: Serde<Key>? = nil,
        values: Serde<Wrapped>,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String? = nil
    ) where Value == Wrapped? {
        write(
            to: .external(topic),
            keys: keys ?? self.keys,
            values: values.optional,
            partitioner: partitioner,
            named: name
        )
    }

    /// Sends the stream through an internal topic, so that records of one key come to one task, and the work after it is
    /// spread anew.
    ///
    /// - Parameters:
    ///   - partitions: how many partitions the internal topic has; nil for as many as the topics before it.
    ///   - keys: how keys are written and read; may be left out if the stream has them as they were read.
    ///   - values: how values are written and read; likewise.
    ///   - partitioner: chooses the partition, several or none; nil for that of the key. Joins and tables find together
    ///     only what its keys bring together.
    ///   - name: the internal topic's name, `<application id>-<name>-repartition`; nil for one that follows from the names
    ///     before it.
    @inlinable
    public func repartition(
        partitions: Int32? = nil,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String? = nil
    ) -> KStream<Key, Value> {
        sentThrough(
            partitions: partitions,
            keys: keys,
            values: values,
            partitioner: partitioner,
            named: name,
            dropsNullKeys: true
        )
    }

    /// The stream behind an internal topic.
    ///
    /// - Parameter dropsNullKeys: whether records without a key are left out; otherwise they go to any partition.
    @inlinable
    func sentThrough(
        partitions: Int32? = nil,
        keys: Serde<Key>?,
        values: Serde<Value>?,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String?,
        dropsNullKeys: Bool
    ) -> KStream<Key, Value> {
        let topicName = name ?? assembly.graph.deriveRepartitionName(for: "through", after: node)
        let topic = TopicReference.repartition(topicName, partitions: partitions)
        let keys = assembly.require(keys ?? self.keys, "keys", for: node)
        let values = assembly.require(values ?? self.values, "values", for: node)
        write(
            to: topic,
            keys: keys,
            values: values,
            partitioner: partitioner,
            named: "\(topicName)-repartition-sink",
            dropsNullKeys: dropsNullKeys
        )
        return KStream(source: [topic], named: "\(topicName)-repartition", in: assembly, keys: keys, values: values)
    }

    @inlinable
    func write(
        to topic: TopicReference,
        keys: Serde<Key>?,
        values: Serde<Value>?,
        partitioner: StreamPartitioner<Key, Value>? = nil,
        named name: String?,
        dropsNullKeys: Bool = false
    ) {
        let sink = assembly.graph.add(.sink(topic), name: name, after: [node])
        let keys = assembly.require(keys, "keys", for: sink)
        let values = assembly.require(values, "values", for: sink)
        if topic.isInternal {
            assembly.graph.setFormat(of: topic, TopicFormat(keys: keys.format, values: values.format))
        }
        let name = assembly.name(of: sink)
        if let partitioner {
            return write(
                to: topic,
                keys: keys,
                values: values,
                partitioner: partitioner,
                dropsNullKeys: dropsNullKeys,
                by: name
            )
        }
        port.add { context in
            let output = context.output(to: topic)
            let scratch = Scratch()
            let keyWriter = scratch.key
            let valueWriter = scratch.value
            let record = context.record
            let guarded = context.guardedProduction(name, to: topic.resolved(applicationId: context.applicationId))
            return Out { key, value, timestamp in
                _ = try guarded.attempt {
                    keyWriter.pointee.removeAll()
                    valueWriter.pointee.removeAll()
                    let hasKey = try keys.write(key, &keyWriter.pointee)
                    if dropsNullKeys, !hasKey { return }
                    let hasValue = try values.write(value, &valueWriter.pointee)
                    try output.append(
                        key: hasKey ? keyWriter.pointee.bytes : nil,
                        value: hasValue ? valueWriter.pointee.bytes : nil,
                        timestamp: timestamp,
                        headers: record.pointee.headers
                    )
                }
                withExtendedLifetime(scratch) {}
            }
        }
    }
}

/// Memory that an operator of one task writes keys and values to, one after the other.
///
/// Behind pointers, so that writing pays for no exclusivity checks.
@usableFromInline
final class Scratch {
    @usableFromInline let key: UnsafeMutablePointer<ByteWriter>
    @usableFromInline let value: UnsafeMutablePointer<ByteWriter>

    @usableFromInline
    init() {
        key = .allocate(capacity: 1)
        key.initialize(to: ByteWriter())
        value = .allocate(capacity: 1)
        value.initialize(to: ByteWriter())
    }

    deinit {
        key.deinitialize(count: 1)
        key.deallocate()
        value.deinitialize(count: 1)
        value.deallocate()
    }
}
