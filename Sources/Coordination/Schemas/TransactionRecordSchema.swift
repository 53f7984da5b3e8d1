import MillracePrimitives

// Records of `__transaction_state`: key version 0, value versions 0 and 1. Source: `TransactionLogKey` and
// `TransactionLogValue` of Kafka's coordinator schemas.

extension TransactionRecord {
    /// The tags of the value's tagged fields.
    private enum Tag {
        static let previousProducerId: UInt64 = 0
        static let nextProducerId: UInt64 = 1
        static let clientVersion: UInt64 = 2
        static let nextProducerEpoch: UInt64 = 3
        /// Our own, far from Kafka's, which skips it: the timeout of the owner of a prepared transaction.
        static let preparedTimeoutMs: UInt64 = 1_000
    }

    /// Appends the key, version 0.
    package func encodeKey(into writer: inout ByteWriter) {
        writer.append(Int16(0))
        writer.append(classic: transactionalId)
    }

    /// Appends the value, version 1; false for a tombstone, whose value is null.
    package func encodeValue(into writer: inout ByteWriter) -> Bool {
        guard let metadata else { return false }
        writer.append(Int16(1))
        writer.append(metadata.producer.id)
        writer.append(metadata.producer.epoch)
        writer.append(metadata.isPrepared ? TransactionMetadata.noTimeoutMs : metadata.timeoutMs)
        writer.append(metadata.state.rawValue)
        encodePartitions(of: metadata, into: &writer)
        writer.append(metadata.lastUpdateMs)
        writer.append(metadata.startMs)
        encodeTaggedFields(of: metadata, into: &writer)
        return true
    }

    /// Sorted, so that equal metadata has equal bytes; null in `empty`, as Kafka writes it.
    private func encodePartitions(of metadata: TransactionMetadata, into writer: inout ByteWriter) {
        if metadata.state == .empty {
            precondition(metadata.partitions.isEmpty, "a transaction that was not begun has no partitions")
            writer.append(unsignedVarint: 0)
            return
        }
        let topics = Dictionary(grouping: metadata.partitions, by: \.topic).sorted { $0.key < $1.key }
        writer.append(unsignedVarint: UInt64(topics.count) + 1)
        for (topic, partitions) in topics {
            writer.append(compact: topic)
            writer.append(unsignedVarint: UInt64(partitions.count) + 1)
            for partition in partitions.map(\.partition).sorted() { writer.append(partition) }
            writer.append(unsignedVarint: 0)
        }
    }

    /// Only fields that differ from their defaults, in the order of their tags (KIP-482).
    private func encodeTaggedFields(of metadata: TransactionMetadata, into writer: inout ByteWriter) {
        let hasPrevious = metadata.previousProducerId != -1
        let hasNextId = metadata.nextProducer.id != -1
        let hasVersion = metadata.clientVersion != .zero
        let hasNextEpoch = metadata.nextProducer.epoch != -1
        let count = [hasPrevious, hasNextId, hasVersion, hasNextEpoch, metadata.isPrepared].count { $0 }
        writer.append(unsignedVarint: UInt64(count))
        if hasPrevious { writer.append(tag: Tag.previousProducerId, metadata.previousProducerId) }
        if hasNextId { writer.append(tag: Tag.nextProducerId, metadata.nextProducer.id) }
        if hasVersion { writer.append(tag: Tag.clientVersion, metadata.clientVersion.rawValue) }
        if hasNextEpoch { writer.append(tag: Tag.nextProducerEpoch, metadata.nextProducer.epoch) }
        if metadata.isPrepared { writer.append(tag: Tag.preparedTimeoutMs, metadata.timeoutMs) }
    }

    /// Reads a record; a value of nil is a tombstone.
    package init(
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer?
    ) throws(CoordinatorRecordError) {
        var reader = SchemaReader(key, .transactionKey)
        let version: Int16 = try reader.integer()
        guard version == 0 else { throw .unknownKeyVersion(schema: .transactionKey, version: version) }
        transactionalId = try reader.string()
        metadata = nil
        if let value { metadata = try Self.decodeValue(value) }
    }

    private static func decodeValue(_ bytes: UnsafeRawBufferPointer) throws(CoordinatorRecordError)
        -> TransactionMetadata
    {
        var reader = SchemaReader(bytes, .transactionValue)
        let version: Int16 = try reader.integer()
        guard version == 0 || version == 1 else {
            throw .unknownValueVersion(schema: .transactionValue, version: version)
        }
        reader.isFlexible = version == 1

        let producer = ProducerIdentity(id: try reader.integer(), epoch: try reader.integer())
        guard producer.id >= 0 else { throw reader.invalid("ProducerId", producer.id) }
        guard producer.epoch >= 0 else { throw reader.invalid("ProducerEpoch", producer.epoch) }
        let timeoutMs: Int32 = try reader.integer()
        let status: Int8 = try reader.integer()
        guard let state = TransactionState(rawValue: status), state != .dead, state != .prepareEpochFence else {
            throw reader.invalid("TransactionStatus", status)
        }
        let partitions = try reader.nullableTopicPartitions() ?? []
        var metadata = TransactionMetadata(
            producer: producer,
            timeoutMs: timeoutMs,
            state: state,
            partitions: state == .empty ? [] : Set(partitions),
            lastUpdateMs: try reader.integer(),
            startMs: try reader.integer()
        )
        try reader.taggedFields { tag, field throws(CoordinatorRecordError) in
            switch tag {
            case Tag.previousProducerId: metadata.previousProducerId = try field.integer()
            case Tag.nextProducerId: metadata.nextProducer.id = try field.integer()
            case Tag.clientVersion:
                let number: Int16 = try field.integer()
                guard let version = TransactionVersion(rawValue: number) else {
                    throw field.invalid("ClientTransactionVersion", number)
                }
                metadata.clientVersion = version
            case Tag.nextProducerEpoch: metadata.nextProducer.epoch = try field.integer()
            case Tag.preparedTimeoutMs:
                metadata.timeoutMs = try field.integer()
                metadata.isPrepared = true
            default: break
            }
        }
        metadata.isPrepared = metadata.isPrepared && state == .ongoing
        if metadata.nextProducer.id >= 0 {
            // Kafka before KIP-939 leaves out the next epoch, which then is 0.
            metadata.nextProducer.epoch = max(metadata.nextProducer.epoch, 0)
        } else {
            metadata.nextProducer = .none
        }
        return metadata
    }
}
