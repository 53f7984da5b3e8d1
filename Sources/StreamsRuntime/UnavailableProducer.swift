import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// A producer that refuses everything for one reason.
final class UnavailableProducer: ProducerConnection {
    private let reason: ClientError

    init(_ reason: ClientError) {
        self.reason = reason
    }

    func partitionCount(of topic: String) throws(ClientError) -> Int32 { throw reason }

    func send(
        _ batch: RecordBatchBuilder,
        to partition: TopicPartition,
        onDelivery: DeliveryHandler?
    ) throws(ClientError) {
        throw reason
    }

    func flush() throws(ClientError) { throw reason }
    func initTransactions(keepPrepared: Bool) throws(ClientError) -> PreparedTransaction? { throw reason }
    func beginTransaction() throws(ClientError) { throw reason }

    func sendOffsets(
        _ offsets: [TopicPartition: CommittedOffset],
        for membership: GroupMembership
    ) throws(ClientError) {
        throw reason
    }

    func prepareTransaction() throws(ClientError) -> PreparedTransaction { throw reason }

    func completeTransaction(
        _ decision: PreparedTransaction?
    ) throws(ClientError) -> PreparedTransactionOutcome {
        throw reason
    }

    func commitTransaction() throws(ClientError) { throw reason }
    func abortTransaction() throws(ClientError) { throw reason }
    func close() {}
}
