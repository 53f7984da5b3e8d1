import MillracePrimitives

/// The record that ends a transaction in a partition.
///
/// Key: version (int16), type (int16: 0 abort, 1 commit). Value: version (int16), coordinator epoch (int32).
/// Source: KIP-98; `EndTxnMarker` of Kafka's message schemas.
public struct EndTransactionMarker: Hashable, Sendable {
    /// How the transaction ended.
    public var result: TransactionResult
    /// The epoch of the coordinator that decided; an older coordinator's marker is refused.
    public var coordinatorEpoch: Int32

    /// Makes a marker.
    public init(_ result: TransactionResult, coordinatorEpoch: Int32) {
        self.result = result
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// Reads a control record; nil if it is of another type than commit or abort (such as a leader change).
    public init?(_ record: RecordView) throws(RecordFormatError) {
        guard let keyBytes = record.key else { throw .invalidControlRecord("its key is null") }
        var key = ByteReader(keyBytes)
        do {
            let version: Int16 = try key.readInteger()
            guard version >= 0 else { throw RecordFormatError.invalidControlRecord("key version \(version)") }
            let type: Int16 = try key.readInteger()
            switch type {
            case 0: result = .abort
            case 1: result = .commit
            default: return nil
            }
            guard let valueBytes = record.value else {
                throw RecordFormatError.invalidControlRecord("its value is null")
            }
            var value = ByteReader(valueBytes)
            let valueVersion: Int16 = try value.readInteger()
            guard valueVersion >= 0 else {
                throw RecordFormatError.invalidControlRecord("value version \(valueVersion)")
            }
            coordinatorEpoch = try value.readInteger()
        } catch let error as RecordFormatError {
            throw error
        } catch {
            throw .invalidControlRecord("it is too short")
        }
    }

    /// The whole control batch that holds this marker, with base offset 0.
    public func batch(for producer: ProducerIdentity, timestamp: Int64) -> [UInt8] {
        var key = ByteWriter(capacity: 16)
        key.append(Int16(0))
        key.append(Int16(result == .abort ? 0 : 1))
        var value = ByteWriter(capacity: 16)
        value.append(Int16(0))
        value.append(coordinatorEpoch)
        let builder = RecordBatchBuilder(capacity: 128)
        builder.append(key: key.bytes, value: value.bytes, timestamp: timestamp)
        // Without this the builder, and the batch with it, might be gone before the bytes are copied.
        return withExtendedLifetime(builder) { [UInt8](builder.sealControl(producer: producer)) }
    }
}
