import MillracePrimitives

/// The producers' states at one offset, as a `.snapshot` file holds them, so that opening a log need not read it all.
///
/// ```
/// version          2 | 1
/// checksum         4 | CRC-32C of everything after it
/// count            4
/// then for each producer
/// producer id      8
/// epoch            2
/// last sequence    4 | -1 for none
/// last offset      8 | -1 for none
/// offset delta     4 | of the last batch
/// timestamp        8 | when the producer last wrote
/// coordinator epoch 4
/// transaction      8 | first offset of the open transaction, -1 for none
/// ```
/// Source: Kafka's `ProducerSnapshot` schema, version 1 (LE-14). Only the newest batch of each producer is kept, as in
/// Kafka: after a restart a producer can repeat its last batch, not the four before it.
enum ProducerSnapshot {
    private static let version: Int16 = 1
    private static let checksummedFrom = 6
    private static let entrySize = 46

    static func encode(_ states: [Int64: ProducerState]) -> [UInt8] {
        var writer = ByteWriter(capacity: 10 + states.count * entrySize)
        writer.append(version)
        writer.append(UInt32(0))
        writer.append(Int32(states.count))
        for state in states.values.sorted(by: { $0.id < $1.id }) {
            let newest = state.recent.newest
            writer.append(state.id)
            writer.append(state.epoch)
            writer.append(newest?.lastSequence ?? -1)
            writer.append(newest?.lastOffset ?? -1)
            writer.append(newest?.offsetDelta ?? 0)
            writer.append(state.lastActivity)
            writer.append(state.coordinatorEpoch)
            writer.append(state.transactionFirstOffset ?? -1)
        }
        let covered = writer.bytes(checksummedFrom..<writer.count)
        writer.overwrite(at: 2, with: CRC32C.checksum(covered))
        return writer.array
    }

    /// The states in a snapshot; nil if the bytes are not a whole one.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> [ProducerState]? {
        var reader = ByteReader(bytes)
        do throws(ByteReaderError) {
            let version: Int16 = try reader.readInteger()
            let checksum: UInt32 = try reader.readInteger()
            guard version == Self.version, checksum == CRC32C.checksum(tail(bytes)) else { return nil }
            let count: Int32 = try reader.readInteger()
            guard count >= 0, reader.remaining == Int(count) * entrySize else { return nil }
            var states: [ProducerState] = []
            states.reserveCapacity(Int(count))
            for _ in 0..<count { states.append(try state(&reader)) }
            return states
        } catch {
            return nil
        }
    }

    private static func tail(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[checksummedFrom...])
    }

    private static func state(_ reader: inout ByteReader) throws(ByteReaderError) -> ProducerState {
        var state = ProducerState(id: try reader.readInteger())
        state.epoch = try reader.readInteger()
        let newest = StoredBatch(
            lastSequence: try reader.readInteger(),
            lastOffset: try reader.readInteger(),
            offsetDelta: try reader.readInteger()
        )
        if newest.lastOffset >= 0 { state.recent.add(newest) }
        state.lastActivity = try reader.readInteger()
        state.coordinatorEpoch = try reader.readInteger()
        let firstOffset: Int64 = try reader.readInteger()
        state.transactionFirstOffset = firstOffset >= 0 ? firstOffset : nil
        return state
    }
}
