import MillracePrimitives

/// Where a transactional id is in its cycle, with Kafka's numbers. Source: KIP-98, KIP-360, KIP-890.
package enum TransactionState: Int8, Hashable, Sendable, CaseIterable {
    /// Initialised; no transaction was begun since.
    case empty = 0
    /// Partitions were added; records may be in them.
    case ongoing = 1
    /// Decided: commit. Markers are being written.
    case prepareCommit = 2
    /// Decided: abort. Markers are being written.
    case prepareAbort = 3
    /// All markers of a commit are written.
    case completeCommit = 4
    /// All markers of an abort are written.
    case completeAbort = 5
    /// The transactional id expired. Never written down: a tombstone takes its place.
    case dead = 6
    /// The owner is being fenced before its transaction is aborted. Never written down: it lasts for one request.
    case prepareEpochFence = 7

    /// The states that this one may directly follow. Aborting from `empty` and the complete states is version 2's: there
    /// the client need not know whether the broker ever saw its transaction.
    package var previousStates: Set<TransactionState> {
        switch self {
        case .empty: [.empty, .completeCommit, .completeAbort]
        case .ongoing: [.ongoing, .empty, .completeCommit, .completeAbort]
        case .prepareCommit: [.ongoing]
        case .prepareAbort: [.ongoing, .prepareEpochFence, .empty, .completeCommit, .completeAbort]
        case .completeCommit: [.prepareCommit]
        case .completeAbort: [.prepareAbort]
        case .dead: [.empty, .completeAbort, .completeCommit]
        case .prepareEpochFence: [.ongoing]
        }
    }

    /// Whether this state may directly follow `previous`.
    package func canFollow(_ previous: TransactionState) -> Bool {
        previousStates.contains(previous)
    }

    /// Kafka's name, as its tools print it.
    package var name: String {
        switch self {
        case .empty: "Empty"
        case .ongoing: "Ongoing"
        case .prepareCommit: "PrepareCommit"
        case .prepareAbort: "PrepareAbort"
        case .completeCommit: "CompleteCommit"
        case .completeAbort: "CompleteAbort"
        case .dead: "Dead"
        case .prepareEpochFence: "PrepareEpochFence"
        }
    }

    /// The decision that markers are being written for; nil if none is pending.
    package var pendingResult: TransactionResult? {
        switch self {
        case .prepareCommit: .commit
        case .prepareAbort: .abort
        case .empty, .ongoing, .completeCommit, .completeAbort, .dead, .prepareEpochFence: nil
        }
    }
}
