import MillraceCoordination
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

/// The groups of one partition of `__consumer_offsets`: their coordinator, who waits for it, and how its records get into
/// the log. Everything that changes happens under the lock of `state`, log and memory together.
final class GroupShard: Sendable {
    struct State {
        var coordinator: GroupCoordinator
        var nextToken: GroupReplyToken = 1
        var waiting: [GroupReplyToken: GroupRuntime.ReplyHandler] = [:]
        private(set) var batch = RecordBatchBuilder(capacity: Self.batchBytes)
        private var capacity = Self.batchBytes

        private static let batchBytes = 4 << 10
        private static let keptBytesMaximum = 64 << 10

        init(coordinator: GroupCoordinator) {
            self.coordinator = coordinator
        }

        mutating func enlargeBatch() {
            capacity *= 2
            batch = RecordBatchBuilder(capacity: capacity)
        }

        /// A rare large batch does not keep its memory.
        mutating func forgetLargeBatch() {
            guard capacity > Self.keptBytesMaximum else { return }
            capacity = Self.batchBytes
            batch = RecordBatchBuilder(capacity: capacity)
        }
    }

    let partition: Partition
    let state: Mutex<State>
    private let time: any TimeSource

    init(partition: Partition, coordinator: GroupCoordinator, time: any TimeSource) {
        self.partition = partition
        self.time = time
        state = Mutex(State(coordinator: coordinator))
    }

    /// Appends records in one batch, of a producer's transaction if one is given, and applies them: after a crash all of
    /// them are there, or none. What is larger than a batch of `__consumer_offsets` may be is refused.
    func append(
        _ records: [GroupRecord],
        _ state: inout State,
        producer: ProducerIdentity? = nil
    ) throws(BrokerError) {
        guard !records.isEmpty else { return }
        encode(records, &state)
        defer { state.forgetLargeBatch() }
        let bytes: UnsafeMutableRawBufferPointer
        do throws(RecordFormatError) {
            bytes = try state.batch.seal(producer: producer ?? .none, isTransactional: producer != nil)
        } catch {
            throw BrokerError(.corruptMessage, "\(error)")
        }
        _ = try partition.append(bytes, origin: .coordinator)
        for record in records { state.coordinator.replay(record, producerId: producer?.id) }
    }

    /// Appends records that need not come together, such as tombstones of what has expired, in batches of bounded size.
    func appendInParts(
        _ records: [GroupRecord],
        _ state: inout State
    ) throws(BrokerError) {
        for start in stride(from: 0, to: records.count, by: Self.recordsPerPart) {
            try append(Array(records[start..<min(start + Self.recordsPerPart, records.count)]), &state)
        }
    }

    private static let recordsPerPart = 500

    private func encode(_ records: [GroupRecord], _ state: inout State) {
        var key = ByteWriter(capacity: 128)
        var value = ByteWriter(capacity: 256)
        let now = time.milliseconds
        state.batch.reset()
        var index = 0
        while index < records.count {
            key.removeAll()
            value.removeAll()
            records[index].encodeKey(into: &key)
            let hasValue = records[index].encodeValue(into: &value)
            if state.batch.append(key: key.bytes, value: hasValue ? value.bytes : nil, timestamp: now) {
                index += 1
            } else {
                // It does not fit: once more, with room for all of them.
                state.enlargeBatch()
                index = 0
            }
        }
    }
}
