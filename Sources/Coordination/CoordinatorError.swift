/// Why a coordinator refused a request: Kafka's error code, and in words what happened and what to do next.
package struct CoordinatorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Kafka's code, stable on the wire.
    package var code: CoordinatorErrorCode
    /// What happened, to whom, and what to do.
    package var message: String

    /// Makes an error.
    package init(_ code: CoordinatorErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Kafka's name of the code, and the message.
    package var description: String { "\(code.name): \(message)" }
}

/// The error codes of Kafka's protocol that coordinators answer with. Source: `Errors` of Kafka's protocol guide.
package enum CoordinatorErrorCode: Int16, Hashable, Sendable, CaseIterable {
    /// Committed metadata is longer than the setting allows.
    case offsetMetadataTooLarge = 12
    /// The coordinator cannot serve this now; the same request may succeed later.
    case coordinatorNotAvailable = 15
    /// The member's generation is not the group's.
    case illegalGeneration = 22
    /// The member supports no protocol that all others support, or another protocol type.
    case inconsistentGroupProtocol = 23
    /// The group id is empty.
    case invalidGroupId = 24
    /// The group does not know the member.
    case unknownMemberId = 25
    /// The session timeout lies outside of the broker's bounds.
    case invalidSessionTimeout = 26
    /// The group is rebalancing; the member must join again.
    case rebalanceInProgress = 27
    /// The request contradicts itself.
    case invalidRequest = 42
    /// A newer epoch of the producer exists.
    case invalidProducerEpoch = 47
    /// The request does not fit the transaction's state.
    case invalidTransactionState = 48
    /// The producer id is not that of the transactional id.
    case invalidProducerIdMapping = 49
    /// The transaction timeout is not positive, or above the broker's maximum.
    case invalidTransactionTimeout = 50
    /// Another request on the same transaction is not finished; the same request may succeed later.
    case concurrentTransactions = 51
    /// A newer coordinator took over.
    case transactionCoordinatorFenced = 52
    /// The group has members, or work that is not finished.
    case nonEmptyGroup = 68
    /// There is no such group.
    case groupIdNotFound = 69
    /// The member has its id now and must join again with it.
    case memberIdRequired = 79
    /// The group has as many members as the setting allows.
    case groupMaximumSizeReached = 81
    /// Another member took over the static instance id.
    case fencedInstanceId = 82
    /// The group reads the topic, so its offsets cannot be deleted.
    case groupSubscribedToTopic = 86
    /// A transaction that is not decided yet may change the offset.
    case unstableOffsetCommit = 88
    /// A newer owner of the transactional id exists.
    case producerFenced = 90
    /// There is no such transactional id.
    case transactionalIdNotFound = 105
    /// The transaction must be aborted; the producer stays usable.
    case transactionAbortable = 120

    /// Kafka's name of the code.
    package var name: String {
        switch self {
        case .offsetMetadataTooLarge: "OFFSET_METADATA_TOO_LARGE"
        case .coordinatorNotAvailable: "COORDINATOR_NOT_AVAILABLE"
        case .illegalGeneration: "ILLEGAL_GENERATION"
        case .inconsistentGroupProtocol: "INCONSISTENT_GROUP_PROTOCOL"
        case .invalidGroupId: "INVALID_GROUP_ID"
        case .unknownMemberId: "UNKNOWN_MEMBER_ID"
        case .invalidSessionTimeout: "INVALID_SESSION_TIMEOUT"
        case .rebalanceInProgress: "REBALANCE_IN_PROGRESS"
        case .invalidRequest: "INVALID_REQUEST"
        case .invalidProducerEpoch: "INVALID_PRODUCER_EPOCH"
        case .invalidTransactionState: "INVALID_TXN_STATE"
        case .invalidProducerIdMapping: "INVALID_PRODUCER_ID_MAPPING"
        case .invalidTransactionTimeout: "INVALID_TRANSACTION_TIMEOUT"
        case .concurrentTransactions: "CONCURRENT_TRANSACTIONS"
        case .transactionCoordinatorFenced: "TRANSACTION_COORDINATOR_FENCED"
        case .nonEmptyGroup: "NON_EMPTY_GROUP"
        case .groupIdNotFound: "GROUP_ID_NOT_FOUND"
        case .memberIdRequired: "MEMBER_ID_REQUIRED"
        case .groupMaximumSizeReached: "GROUP_MAX_SIZE_REACHED"
        case .fencedInstanceId: "FENCED_INSTANCE_ID"
        case .groupSubscribedToTopic: "GROUP_SUBSCRIBED_TO_TOPIC"
        case .unstableOffsetCommit: "UNSTABLE_OFFSET_COMMIT"
        case .producerFenced: "PRODUCER_FENCED"
        case .transactionalIdNotFound: "TRANSACTIONAL_ID_NOT_FOUND"
        case .transactionAbortable: "TRANSACTION_ABORTABLE"
        }
    }

    /// Whether the same request, unchanged, may succeed later.
    package var isRetriable: Bool {
        switch self {
        case .coordinatorNotAvailable, .concurrentTransactions, .unstableOffsetCommit: true
        case .offsetMetadataTooLarge, .illegalGeneration, .inconsistentGroupProtocol, .invalidGroupId,
            .unknownMemberId, .invalidSessionTimeout, .rebalanceInProgress, .invalidRequest, .invalidProducerEpoch,
            .invalidTransactionState, .invalidProducerIdMapping, .invalidTransactionTimeout,
            .transactionCoordinatorFenced, .nonEmptyGroup, .groupIdNotFound, .memberIdRequired,
            .groupMaximumSizeReached, .fencedInstanceId, .groupSubscribedToTopic, .producerFenced,
            .transactionalIdNotFound, .transactionAbortable:
            false
        }
    }
}
