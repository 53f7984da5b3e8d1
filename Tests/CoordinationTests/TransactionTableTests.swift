import MillraceCoordination
import MillracePrimitives
import Testing

/// Every state, every request, and every identity that a request can name: what comes of it.
///
/// A cell is the state and identity of the record that follows (`= identity` if an earlier try is answered again, `-` if
/// nothing has to be written), or Kafka's name of the refusal without its prefix. Source: LE-41 to LE-46, KIP-890, KIP-939.
@Suite("The table of transactions")
struct TransactionTableTests {
    /// Where a transactional id can be found.
    struct Situation: Sendable {
        var name: String
        /// Nil for an id that nobody has taken yet.
        var metadata: TransactionMetadata?
        /// The identity that the owner had before.
        var previous: ProducerIdentity
    }

    static let producer = ProducerIdentity(id: 9, epoch: 5)

    private static func metadata(
        _ state: TransactionState,
        _ producer: ProducerIdentity = producer,
        previousId: Int64 = 9,
        next: ProducerIdentity = .none,
        isPrepared: Bool = false,
        version: TransactionVersion
    ) -> TransactionMetadata {
        let isOpen = state == .ongoing || state.pendingResult != nil
        return TransactionMetadata(
            producer: producer,
            previousProducerId: previousId,
            nextProducer: next,
            timeoutMs: 1_000,
            state: state,
            partitions: isOpen ? [first] : [],
            lastUpdateMs: 1,
            startMs: state == .empty ? -1 : 1,
            clientVersion: version,
            isPrepared: isPrepared
        )
    }

    static func situations(_ version: TransactionVersion) -> [Situation] {
        let before = ProducerIdentity(id: 9, epoch: 4)
        func situation(_ name: String, _ metadata: TransactionMetadata) -> Situation {
            Situation(name: name, metadata: metadata, previous: before)
        }
        return [
            Situation(name: "unknown", metadata: nil, previous: before),
            situation("empty, taken over", metadata(.empty, previousId: -1, version: version)),
            situation("empty, resumed", metadata(.empty, version: version)),
            situation("ongoing", metadata(.ongoing, version: version)),
            situation("prepared", metadata(.ongoing, isPrepared: true, version: version)),
            Situation(
                name: "prepared, kept",
                metadata: metadata(
                    .ongoing,
                    next: ProducerIdentity(id: 9, epoch: 6),
                    isPrepared: true,
                    version: version
                ),
                previous: producer
            ),
            situation("prepareCommit", metadata(.prepareCommit, version: version)),
            situation("prepareAbort", metadata(.prepareAbort, version: version)),
            situation("completeCommit", metadata(.completeCommit, version: version)),
            situation("completeAbort", metadata(.completeAbort, version: version)),
            situation("dead", metadata(.dead, version: version)),
            situation("prepareEpochFence", metadata(.prepareEpochFence, version: version)),
        ]
    }

    /// Where the epochs of a producer id come to their end.
    static let exhausted: [Situation] = {
        let last = ProducerIdentity(id: 9, epoch: TransactionMetadata.ownerEpochMaximum)
        let fence = ProducerIdentity(id: 9, epoch: .max)
        let rotated = ProducerIdentity(id: 70, epoch: 0)
        return [
            Situation(name: "empty", metadata: metadata(.empty, last, version: .two), previous: last),
            Situation(name: "ongoing", metadata: metadata(.ongoing, last, version: .two), previous: last),
            Situation(
                name: "kept, last epoch",
                metadata: metadata(
                    .ongoing,
                    ProducerIdentity(id: 9, epoch: 32_765),
                    next: last,
                    isPrepared: true,
                    version: .two
                ),
                previous: ProducerIdentity(id: 9, epoch: 32_765)
            ),
            Situation(
                name: "kept, rotated",
                metadata: metadata(.ongoing, last, next: rotated, isPrepared: true, version: .two),
                previous: last
            ),
            Situation(
                name: "prepareCommit",
                metadata: metadata(.prepareCommit, fence, next: rotated, version: .two),
                previous: last
            ),
            Situation(
                name: "completeCommit",
                metadata: metadata(.completeCommit, rotated, version: .two),
                previous: last
            ),
            Situation(
                name: "completeAbort",
                metadata: metadata(.completeAbort, rotated, version: .two),
                previous: last
            ),
            Situation(
                name: "completeAbort, fenced",
                metadata: metadata(.completeAbort, fence, version: .two),
                previous: last
            ),
        ]
    }()

    enum Caller: String, CaseIterable {
        case current
        case previous
        case older
        case newer
        case stranger

        func identity(_ situation: Situation) -> ProducerIdentity {
            let owner = situation.metadata?.owner ?? producer
            switch self {
            case .current: return owner
            case .previous: return situation.previous
            case .older: return ProducerIdentity(id: situation.previous.id, epoch: situation.previous.epoch - 1)
            case .newer: return ProducerIdentity(id: owner.id, epoch: owner.epoch == .max ? .max : owner.epoch + 1)
            case .stranger: return ProducerIdentity(id: 8, epoch: owner.epoch)
            }
        }
    }

    /// A request: what comes of it.
    typealias Request =
        @Sendable (inout TransactionHarness, ProducerIdentity, TransactionVersion) throws(CoordinatorError) -> String

    static let requests: [(String, Request)] = [
        (
            "add",
            { (harness, producer, version) throws(CoordinatorError) in
                shown(
                    try harness.coordinator.addPartitions(
                        [second],
                        to: "app",
                        producer: producer,
                        clientVersion: version,
                        now: 500
                    )
                )
            }
        ),
        (
            "add again",
            { (harness, producer, version) throws(CoordinatorError) in
                shown(
                    try harness.coordinator.addPartitions(
                        [first],
                        to: "app",
                        producer: producer,
                        clientVersion: version,
                        now: 500
                    )
                )
            }
        ),
        (
            "verify",
            { (harness, producer, _) throws(CoordinatorError) in
                try harness.coordinator.verify(first, in: "app", producer: producer)
                return "-"
            }
        ),
        (
            "prepare",
            { (harness, producer, _) throws(CoordinatorError) in
                shown(try harness.coordinator.prepareTransaction("app", producer: producer, now: 500))
            }
        ),
        (
            "commit",
            { (harness, producer, version) throws(CoordinatorError) in
                shown(try harness.end(.commit, by: producer, version: version))
            }
        ),
        (
            "abort",
            { (harness, producer, version) throws(CoordinatorError) in
                shown(try harness.end(.abort, by: producer, version: version))
            }
        ),
        (
            "resume",
            { (harness, producer, _) throws(CoordinatorError) in
                try initialise(&harness, expected: producer)
            }
        ),
    ]

    /// What happens without the owner.
    static let events: [(String, Request)] = [
        ("take over", { (harness, _, _) throws(CoordinatorError) in try initialise(&harness) }),
        ("keep", { (harness, _, _) throws(CoordinatorError) in try initialise(&harness, keepsPrepared: true) }),
        (
            "time-out",
            { (harness, _, _) throws(CoordinatorError) in
                shown(harness.coordinator.expireTransactions(now: 5_000).first?.record)
            }
        ),
        (
            "unclean stop",
            { (harness, _, _) throws(CoordinatorError) in
                shown(harness.coordinator.abandonTransactions(of: nil, now: 5_000).first?.record)
            }
        ),
        (
            "markers written",
            { (harness, _, _) throws(CoordinatorError) in
                guard let metadata = harness.coordinator.metadata(of: "app") else { return "-" }
                return shown(harness.coordinator.completeTransaction("app", producer: metadata.producer, now: 500))
            }
        ),
        (
            "unused",
            { (harness, _, _) throws(CoordinatorError) in
                harness.coordinator.expireTransactionalIds(now: .max).isEmpty ? "-" : "Dead"
            }
        ),
    ]

    private static func initialise(
        _ harness: inout TransactionHarness,
        expected: ProducerIdentity? = nil,
        keepsPrepared: Bool = false
    ) throws(CoordinatorError) -> String {
        let outcome = try harness.coordinator.initProducerId(
            "app",
            timeoutMs: 1_000,
            expected: expected,
            keepsPrepared: keepsPrepared,
            producerIds: &harness.producerIds,
            now: 500
        )
        switch outcome {
        case .assigned(_, let record), .kept(_, _, let record): return shown(record)
        case .abortFirst(let decided): return shown(decided.record)
        }
    }

    private static func shown(_ outcome: EndTransactionOutcome) -> String {
        switch outcome {
        case .decided(let decided): shown(decided.record)
        case .alreadyEnded(let next): "= \(next)"
        }
    }

    private static func shown(_ record: TransactionRecord?) -> String {
        guard let metadata = record?.metadata else { return "-" }
        let next = metadata.nextProducer == .none ? "" : " \(metadata.nextProducer)"
        return "\(metadata.state.name)\(metadata.isPrepared ? "*" : "") \(metadata.producer)\(next)"
    }

    /// The table of what the coordinator answers, one line a situation.
    private static func table(
        _ situations: [Situation],
        _ columns: [(String, Request)],
        _ caller: Caller,
        _ version: TransactionVersion
    ) -> [[String]] {
        situations.map { situation in
            let cells = columns.map { _, request in
                var harness = TransactionHarness()
                if let metadata = situation.metadata { harness.force(metadata) }
                do throws(CoordinatorError) {
                    return try request(&harness, caller.identity(situation), version)
                } catch {
                    return Self.short(error.code)
                }
            }
            return [situation.name] + cells
        }
    }

    private static func short(_ code: CoordinatorErrorCode) -> String {
        switch code {
        case .invalidProducerIdMapping: "MAPPING"
        case .producerFenced: "FENCED"
        case .concurrentTransactions: "CONCURRENT"
        case .invalidTransactionState: "STATE"
        case .transactionAbortable: "ABORTABLE"
        default: code.name
        }
    }

    private func expect(
        _ expected: String,
        _ situations: [Situation],
        _ columns: [(String, Request)],
        _ caller: Caller = .current,
        _ version: TransactionVersion = .two
    ) {
        let rows = expected.split(separator: "\n").map { line in
            line.split(separator: "|").map { String($0.trimmed) }
        }
        #expect(rows.first?.dropFirst() == columns.map(\.0)[...])
        #expect(rows.dropFirst().map { $0.first ?? "" } == situations.map(\.name))
        let found = Self.table(situations, columns, caller, version)
        for (expected, found) in zip(rows.dropFirst(), found) {
            for (column, cells) in zip(columns.map(\.0), zip(expected, found).dropFirst()) {
                let what = "\"\(column)\" by the \(caller) identity, version \(version): \(expected[0])"
                #expect(cells.1 == cells.0, "\(what)")
            }
        }
    }

    @Test("What the owner asks for, version 2")
    func currentOwner() {
        expect(
            """
            situation         | add         | add again   | verify     | prepare      | commit                | abort                | resume
            unknown           | MAPPING     | MAPPING     | MAPPING    | MAPPING      | MAPPING               | MAPPING              | Empty 1000@0
            empty, taken over | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | STATE                 | PrepareAbort 9@6     | Empty 9@6
            empty, resumed    | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | STATE                 | PrepareAbort 9@6     | Empty 9@6
            ongoing           | Ongoing 9@5 | -           | -          | Ongoing* 9@5 | PrepareCommit 9@6     | PrepareAbort 9@6     | PrepareAbort 9@6
            prepared          | STATE       | -           | STATE      | -            | PrepareCommit 9@6     | PrepareAbort 9@6     | PrepareAbort 9@6
            prepared, kept    | STATE       | STATE       | STATE      | STATE        | PrepareCommit 9@6 9@7 | PrepareAbort 9@6 9@7 | PrepareAbort 9@6 9@7
            prepareCommit     | CONCURRENT  | CONCURRENT  | CONCURRENT | CONCURRENT   | CONCURRENT            | CONCURRENT           | CONCURRENT
            prepareAbort      | CONCURRENT  | CONCURRENT  | CONCURRENT | CONCURRENT   | CONCURRENT            | CONCURRENT           | CONCURRENT
            completeCommit    | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | STATE                 | PrepareAbort 9@6     | Empty 9@6
            completeAbort     | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | STATE                 | PrepareAbort 9@6     | Empty 9@6
            dead              | MAPPING     | MAPPING     | MAPPING    | MAPPING      | MAPPING               | MAPPING              | Empty 1000@0
            prepareEpochFence | CONCURRENT  | CONCURRENT  | CONCURRENT | CONCURRENT   | CONCURRENT            | CONCURRENT           | CONCURRENT
            """,
            Self.situations(.two),
            Self.requests
        )
    }

    @Test("What the owner asks for before version 2: the epoch stays over transactions")
    func currentOwnerBeforeVersionTwo() {
        for version in [TransactionVersion.zero, .one] {
            expect(
                """
                situation         | add         | add again   | verify     | prepare      | commit                | abort                | resume
                unknown           | MAPPING     | MAPPING     | MAPPING    | MAPPING      | MAPPING               | MAPPING              | Empty 1000@0
                empty, taken over | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | STATE                 | STATE                | Empty 9@6
                empty, resumed    | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | STATE                 | STATE                | Empty 9@6
                ongoing           | Ongoing 9@5 | -           | -          | Ongoing* 9@5 | PrepareCommit 9@5     | PrepareAbort 9@5     | PrepareAbort 9@6
                prepared          | STATE       | -           | STATE      | -            | PrepareCommit 9@5     | PrepareAbort 9@5     | PrepareAbort 9@6
                prepared, kept    | STATE       | STATE       | STATE      | STATE        | PrepareCommit 9@5 9@6 | PrepareAbort 9@5 9@6 | PrepareAbort 9@6 9@7
                prepareCommit     | CONCURRENT  | CONCURRENT  | CONCURRENT | CONCURRENT   | CONCURRENT            | STATE                | CONCURRENT
                prepareAbort      | CONCURRENT  | CONCURRENT  | CONCURRENT | CONCURRENT   | STATE                 | CONCURRENT           | CONCURRENT
                completeCommit    | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | = 9@5                 | STATE                | Empty 9@6
                completeAbort     | Ongoing 9@5 | Ongoing 9@5 | ABORTABLE  | -            | STATE                 | = 9@5                | Empty 9@6
                dead              | MAPPING     | MAPPING     | MAPPING    | MAPPING      | MAPPING               | MAPPING              | Empty 1000@0
                prepareEpochFence | CONCURRENT  | CONCURRENT  | CONCURRENT | CONCURRENT   | CONCURRENT            | CONCURRENT           | CONCURRENT
                """,
                Self.situations(version),
                Self.requests,
                .current,
                version
            )
        }
    }

    @Test("The identity before the current one is taken for a retry of the end that raised it, and of nothing else")
    func previousIdentity() {
        expect(
            """
            situation         | add     | add again | verify  | prepare | commit     | abort      | resume
            unknown           | MAPPING | MAPPING   | MAPPING | MAPPING | MAPPING    | MAPPING    | Empty 1000@0
            empty, taken over | FENCED  | FENCED    | FENCED  | FENCED  | FENCED     | FENCED     | FENCED
            empty, resumed    | FENCED  | FENCED    | FENCED  | FENCED  | FENCED     | FENCED     | Empty 9@5
            ongoing           | FENCED  | FENCED    | FENCED  | FENCED  | FENCED     | FENCED     | FENCED
            prepared          | FENCED  | FENCED    | FENCED  | FENCED  | FENCED     | FENCED     | FENCED
            prepared, kept    | FENCED  | FENCED    | FENCED  | FENCED  | FENCED     | FENCED     | FENCED
            prepareCommit     | FENCED  | FENCED    | FENCED  | FENCED  | CONCURRENT | STATE      | CONCURRENT
            prepareAbort      | FENCED  | FENCED    | FENCED  | FENCED  | STATE      | CONCURRENT | CONCURRENT
            completeCommit    | FENCED  | FENCED    | FENCED  | FENCED  | = 9@5      | STATE      | Empty 9@5
            completeAbort     | FENCED  | FENCED    | FENCED  | FENCED  | STATE      | = 9@5      | Empty 9@5
            dead              | MAPPING | MAPPING   | MAPPING | MAPPING | MAPPING    | MAPPING    | Empty 1000@0
            prepareEpochFence | FENCED  | FENCED    | FENCED  | FENCED  | FENCED     | FENCED     | FENCED
            """,
            Self.situations(.two),
            Self.requests,
            .previous
        )
    }

    @Test("No other identity gets anything, in any state, for any request", arguments: TransactionVersion.allCases)
    func otherIdentities(version: TransactionVersion) {
        let names = Self.requests.map(\.0)
        for situation in Self.situations(version) {
            for caller in [Caller.older, .newer, .stranger] {
                let isUnknown = ["unknown", "dead"].contains(situation.name)
                let expected = names.map { request in
                    if isUnknown { return request == "resume" ? "Empty 1000@0" : "MAPPING" }
                    return caller == .stranger && request != "resume" ? "MAPPING" : "FENCED"
                }
                let found = Self.table([situation], Self.requests, caller, version)[0].dropFirst()
                #expect(Array(found) == expected, "\(names) by the \(caller) identity: \(situation.name)")
            }
        }
    }

    @Test("What others bring about: new owners, time, a crash, the markers")
    func events() {
        expect(
            """
            situation         | take over            | keep             | time-out         | unclean stop     | markers written    | unused
            unknown           | Empty 1000@0         | Empty 1000@0     | -                | -                | -                  | -
            empty, taken over | Empty 9@6            | Empty 9@6        | -                | -                | -                  | Dead
            empty, resumed    | Empty 9@6            | Empty 9@6        | -                | -                | -                  | Dead
            ongoing           | PrepareAbort 9@7     | Ongoing 9@5 9@6  | PrepareAbort 9@7 | PrepareAbort 9@6 | -                  | -
            prepared          | PrepareAbort 9@7     | Ongoing* 9@5 9@6 | -                | -                | -                  | -
            prepared, kept    | PrepareAbort 9@7 9@8 | Ongoing* 9@5 9@7 | -                | -                | -                  | -
            prepareCommit     | CONCURRENT           | CONCURRENT       | -                | -                | CompleteCommit 9@5 | -
            prepareAbort      | CONCURRENT           | CONCURRENT       | -                | -                | CompleteAbort 9@5  | -
            completeCommit    | Empty 9@6            | Empty 9@6        | -                | -                | -                  | Dead
            completeAbort     | Empty 9@6            | Empty 9@6        | -                | -                | -                  | Dead
            dead              | Empty 1000@0         | Empty 1000@0     | -                | -                | -                  | -
            prepareEpochFence | CONCURRENT           | CONCURRENT       | -                | -                | -                  | -
            """,
            Self.situations(.two),
            Self.events
        )
    }

    @Test("Where the epochs of a producer id are used up, another id follows, and the last owner is told")
    func exhaustion() {
        expect(
            """
            situation             | add             | add again       | verify     | prepare          | commit                       | abort                       | resume
            empty                 | Ongoing 9@32766 | Ongoing 9@32766 | ABORTABLE  | -                | STATE                        | PrepareAbort 9@32767 1000@0 | Empty 1000@0
            ongoing               | Ongoing 9@32766 | -               | -          | Ongoing* 9@32766 | PrepareCommit 9@32767 1000@0 | PrepareAbort 9@32767 1000@0 | PrepareAbort 9@32767 1000@0
            kept, last epoch      | STATE           | STATE           | STATE      | STATE            | PrepareCommit 9@32766 1000@0 | PrepareAbort 9@32766 1000@0 | PrepareAbort 9@32766 1000@0
            kept, rotated         | STATE           | STATE           | STATE      | STATE            | PrepareCommit 9@32767 70@1   | PrepareAbort 9@32767 70@1   | PrepareAbort 9@32767 70@1
            prepareCommit         | CONCURRENT      | CONCURRENT      | CONCURRENT | CONCURRENT       | CONCURRENT                   | CONCURRENT                  | CONCURRENT
            completeCommit        | Ongoing 70@0    | Ongoing 70@0    | ABORTABLE  | -                | STATE                        | PrepareAbort 70@1           | Empty 70@1
            completeAbort         | Ongoing 70@0    | Ongoing 70@0    | ABORTABLE  | -                | STATE                        | PrepareAbort 70@1           | Empty 70@1
            completeAbort, fenced | FENCED          | FENCED          | FENCED     | FENCED           | FENCED                       | FENCED                      | FENCED
            """,
            Self.exhausted,
            Self.requests
        )
        expect(
            """
            situation             | take over                    | keep                    | time-out             | unclean stop         | markers written     | unused
            empty                 | Empty 1000@0                 | Empty 1000@0            | -                    | -                    | -                   | Dead
            ongoing               | PrepareAbort 9@32767         | Ongoing 9@32766 1000@0  | PrepareAbort 9@32767 | PrepareAbort 9@32767 | -                   | -
            kept, last epoch      | PrepareAbort 9@32767 9@32767 | Ongoing* 9@32765 1000@0 | -                    | -                    | -                   | -
            kept, rotated         | PrepareAbort 9@32767 70@2    | Ongoing* 9@32766 70@1   | -                    | -                    | -                   | -
            prepareCommit         | CONCURRENT                   | CONCURRENT              | -                    | -                    | CompleteCommit 70@0 | -
            completeCommit        | Empty 70@1                   | Empty 70@1              | -                    | -                    | -                   | Dead
            completeAbort         | Empty 70@1                   | Empty 70@1              | -                    | -                    | -                   | Dead
            completeAbort, fenced | Empty 1000@0                 | Empty 1000@0            | -                    | -                    | -                   | Dead
            """,
            Self.exhausted,
            Self.events
        )
    }

    @Test("Where the epochs of a producer id are used up, a retry with the last one is recognised")
    func retryAtExhaustion() {
        let retried = Self.exhausted.filter { $0.previous != $0.metadata?.owner }
        expect(
            """
            situation             | add             | add again       | verify    | prepare          | commit                       | abort                       | resume
            kept, last epoch      | FENCED          | FENCED          | FENCED    | FENCED           | FENCED                       | FENCED                      | FENCED
            kept, rotated         | FENCED          | FENCED          | FENCED    | FENCED           | FENCED                       | FENCED                      | FENCED
            prepareCommit         | FENCED          | FENCED          | FENCED    | FENCED           | CONCURRENT                   | STATE                       | CONCURRENT
            completeCommit        | MAPPING         | MAPPING         | MAPPING   | MAPPING          | = 70@0                       | STATE                       | Empty 70@0
            completeAbort         | MAPPING         | MAPPING         | MAPPING   | MAPPING          | STATE                        | = 70@0                      | Empty 70@0
            completeAbort, fenced | FENCED          | FENCED          | FENCED    | FENCED           | FENCED                       | FENCED                      | FENCED
            """,
            retried,
            Self.requests,
            .previous
        )
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        let start = drop(while: \.isWhitespace)
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return start }
        return start[...end]
    }
}
