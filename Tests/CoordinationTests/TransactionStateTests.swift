import MillraceCoordination
import MillracePrimitives
import Testing

@Suite("Transaction states")
struct TransactionStateTests {
    /// For each state, by Kafka's number, those that may come before it.
    static let legal: [(Int8, Set<Int8>)] = [
        (0, [0, 4, 5]),
        (1, [0, 1, 4, 5]),
        (2, [1]),
        (3, [0, 1, 4, 5, 7]),
        (4, [2]),
        (5, [3]),
        (6, [0, 4, 5]),
        (7, [1]),
    ]

    @Test("Exactly Kafka's transitions are legal")
    func transitions() {
        #expect(Self.legal.map(\.0) == TransactionState.allCases.map(\.rawValue))
        for (next, previous) in Self.legal {
            for candidate in TransactionState.allCases {
                let isLegal = TransactionState(rawValue: next)?.canFollow(candidate)
                #expect(
                    isLegal == previous.contains(candidate.rawValue),
                    "\(candidate.name) before state \(next)"
                )
            }
        }
    }

    @Test("Exactly the Prepare states have a decision pending")
    func pendingResults() {
        for state in TransactionState.allCases {
            switch state {
            case .prepareCommit: #expect(state.pendingResult == .commit)
            case .prepareAbort: #expect(state.pendingResult == .abort)
            case .empty, .ongoing, .completeCommit, .completeAbort, .dead, .prepareEpochFence:
                #expect(state.pendingResult == nil)
            }
        }
    }
}
