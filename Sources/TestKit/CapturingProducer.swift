import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// The producer of a driver's tasks: what they send goes to the captured log at once, visible before the commit.
final class CapturingProducer: ProducerConnection, @unchecked Sendable {
    // Sendable because the protocol asks for it; the thread that uses the driver is the only one that comes here.
    private let log: CapturedLog
    /// The positions that the transactions carried.
    private(set) var committedOffsets: [TopicPartition: CommittedOffset] = [:]
    private var pendingOffsets: [TopicPartition: CommittedOffset] = [:]

    init(_ log: CapturedLog) {
        self.log = log
    }

    func partitionCount(of topic: String) throws(ClientError) -> Int32 { log.partitionCount(of: topic) }

    func send(
        _ batch: RecordBatchBuilder,
        to partition: TopicPartition,
        onDelivery: DeliveryHandler?
    ) throws(ClientError) {
        do {
            try withExtendedLifetime(batch) { try log.append(try batch.seal(), to: partition, isWrite: true) }
        } catch {
            throw ClientError(.corruptRecord, "a batch for \(partition) cannot be read back: \(error)")
        }
    }

    func flush() throws(ClientError) {}

    func initTransactions(keepPrepared: Bool) throws(ClientError) -> PreparedTransaction? { nil }

    func beginTransaction() throws(ClientError) {}

    func sendOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership
    ) throws(ClientError) {
        pendingOffsets.merge(offsets) { $1 }
    }

    func prepareTransaction() throws(ClientError) -> PreparedTransaction {
        throw ClientError(.invalidArgument, "a test driver commits in one phase")
    }

    func completeTransaction(
        _ decision: PreparedTransaction?
    ) throws(ClientError) -> PreparedTransactionOutcome {
        .nothingToDecide
    }

    func commitTransaction() throws(ClientError) {
        committedOffsets.merge(pendingOffsets) { $1 }
        pendingOffsets = [:]
        log.commit()
    }

    func abortTransaction() throws(ClientError) {
        pendingOffsets = [:]
    }

    func close() {}
}
