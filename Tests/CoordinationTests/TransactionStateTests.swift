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

    /// What a request that names the current identity is answered in each state that can be stored.
    struct Row: Sendable {
        var state: TransactionState
        var add: CoordinatorErrorCode?
        var commit: CoordinatorErrorCode?
        var abort: CoordinatorErrorCode?
        var initialise: CoordinatorErrorCode?
    }

    static let versionTwo: [Row] = [
        Row(state: .empty, commit: .invalidTransactionState),
        Row(state: .ongoing),
        Row(
            state: .prepareCommit,
            add: .concurrentTransactions,
            commit: .concurrentTransactions,
            abort: .concurrentTransactions,
            initialise: .concurrentTransactions
        ),
        Row(
            state: .prepareAbort,
            add: .concurrentTransactions,
            commit: .concurrentTransactions,
            abort: .concurrentTransactions,
            initialise: .concurrentTransactions
        ),
        Row(state: .completeCommit, commit: .invalidTransactionState),
        Row(state: .completeAbort, commit: .invalidTransactionState),
    ]

    static let versionOne: [Row] = [
        Row(state: .empty, commit: .invalidTransactionState, abort: .invalidTransactionState),
        Row(state: .ongoing),
        Row(
            state: .prepareCommit,
            add: .concurrentTransactions,
            commit: .concurrentTransactions,
            abort: .invalidTransactionState,
            initialise: .concurrentTransactions
        ),
        Row(
            state: .prepareAbort,
            add: .concurrentTransactions,
            commit: .invalidTransactionState,
            abort: .concurrentTransactions,
            initialise: .concurrentTransactions
        ),
        Row(state: .completeCommit, abort: .invalidTransactionState),
        Row(state: .completeAbort, commit: .invalidTransactionState),
    ]

    @Test("Each request is answered by the table of states", arguments: [TransactionVersion.one, .two])
    func requests(version: TransactionVersion) {
        for row in version == .two ? Self.versionTwo : Self.versionOne {
            var harness = TransactionHarness()
            let producer = ProducerIdentity(id: 9, epoch: 5)
            let isOpen = row.state == .ongoing || row.state.pendingResult != nil
            harness.force(
                TransactionMetadata(
                    producer: producer,
                    previousProducerId: 9,
                    timeoutMs: 1_000,
                    state: row.state,
                    partitions: isOpen ? [first] : [],
                    lastUpdateMs: 1,
                    startMs: 1,
                    clientVersion: version
                )
            )
            var copies = [harness, harness, harness, harness]
            let answers = [
                code { () throws(CoordinatorError) in try copies[0].add([second], by: producer, version: version) },
                code { () throws(CoordinatorError) in
                    _ = try copies[1].end(.commit, by: producer, version: version)
                },
                code { () throws(CoordinatorError) in
                    _ = try copies[2].end(.abort, by: producer, version: version)
                },
                code { () throws(CoordinatorError) in _ = try copies[3].initialise() },
            ]
            #expect(
                answers == [row.add, row.commit, row.abort, row.initialise],
                "\(row.state.name) at version \(version.rawValue): add, commit, abort, initialise"
            )
        }
    }
}
