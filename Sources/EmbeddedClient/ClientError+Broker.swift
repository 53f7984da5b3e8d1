import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine

extension ClientError {
    /// What an error of the embedded broker means to a client.
    init(_ error: BrokerError) {
        let code: Code =
            switch error.code {
            case .offsetOutOfRange: .offsetOutOfRange
            case .corruptMessage: .corruptRecord
            case .unknownTopicOrPartition: .unknownTopicOrPartition
            case .messageTooLarge: .recordTooLarge
            case .topicAlreadyExists: .topicAlreadyExists
            case .invalidTopic, .invalidPartitions, .invalidConfig, .invalidRequest, .invalidTimestamp, .invalidRecord,
                .policyViolation:
                .invalidArgument
            case .outOfOrderSequenceNumber: .outOfOrderSequence
            case .invalidProducerEpoch, .producerFenced, .transactionCoordinatorFenced: .fenced
            case .invalidTransactionState: .invalidTransactionState
            case .concurrentTransactions: .concurrentTransactions
            case .storageError, .directoryInUse: .storage
            case .closed: .closed
            default: Self.code(ofCoordinator: error.code.rawValue)
            }
        self.init(code, error.message)
    }

    private static func code(ofCoordinator number: Int16) -> Code {
        switch CoordinatorErrorCode(rawValue: number) {
        case .invalidProducerIdMapping: .fenced
        case .illegalGeneration, .unknownMemberId, .fencedInstanceId: .memberFenced
        case .rebalanceInProgress: .rebalanceInProgress
        case .transactionAbortable: .transactionAborted
        case .transactionalIdNotFound: .unknownTransactionalId
        case .unstableOffsetCommit, .coordinatorNotAvailable: .timedOut
        case .inconsistentGroupProtocol: .inconsistentGroup
        case .groupMaximumSizeReached: .groupFull
        case .groupIdNotFound: .groupNotFound
        case .nonEmptyGroup: .groupNotEmpty
        case .groupSubscribedToTopic: .groupSubscribedToTopic
        case .offsetMetadataTooLarge, .invalidGroupId, .invalidSessionTimeout, .invalidTransactionTimeout:
            .invalidArgument
        default: .other
        }
    }
}

/// Runs calls of the broker in the terms of its clients.
func client<Result>(_ body: () throws(BrokerError) -> Result) throws(ClientError) -> Result {
    do throws(BrokerError) {
        return try body()
    } catch {
        throw ClientError(error)
    }
}
