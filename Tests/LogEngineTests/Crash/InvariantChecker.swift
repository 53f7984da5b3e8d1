import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit

/// Holds what a broker shows after a crash against what the history says was promised before it (the invariants of
/// DESIGN.md). It works as a user does: opens, reads, takes the transactional ids over, goes on writing, closes, and opens
/// again.
struct InvariantChecker {
    struct Violation: Hashable, CustomStringConvertible {
        /// The invariant's number and name in DESIGN.md.
        var invariant: String
        var what: String

        var description: String { "invariant \(invariant): \(what)" }
    }

    static let atomic = "1 atomic"
    static let isolated = "2 isolated"
    static let ordered = "3 ordered and gap-free"
    static let fenced = "4 fenced"
    static let durable = "5 durable as asked"
    static let recovery = "7 recovery is idempotent"

    /// What the crash left to be relied on: after a killed process, everything that was written.
    let survives: CrashHistory.Promise
    /// Whether the check goes on writing, and opens once more.
    let goesOn: Bool
    private(set) var violations: [Violation] = []
    private let world: CrashWorld
    private var history: CrashHistory { world.history }

    /// - Parameter world: on the disk that survived, with the history of the one that did not; nothing is open in it.
    init(_ world: CrashWorld, survives: CrashHistory.Promise, goesOn: Bool) {
        self.world = world
        self.survives = survives
        self.goesOn = goesOn
    }

    /// Opens, checks, goes on and opens again. What it finds is in `violations`.
    mutating func run() {
        var step = "opening"
        do {
            try world.open()
            guard history.topics.isSuperset(of: ["input", "output"]) else {
                // Nothing was promised yet but that it opens.
                try world.close()
                return
            }
            let early = try LogView(of: world.broker, .readCommitted)
            checkUndecided(early)
            checkWritten(try LogView(of: world.broker, .readUncommitted))
            step = "old producers"
            try checkFencing()
            try repeatIdempotent()
            step = "taking over"
            try takeOver()
            try world.keepHouse(after: .seconds(1))
            try checkNothingHangs()

            step = "reading"
            let committed = try LogView(of: world.broker, .readCommitted)
            let all = try LogView(of: world.broker, .readUncommitted)
            checkStable(early, committed)
            checkOrder(all)
            checkSubset(committed, of: all)
            checkTransactions(committed)
            checkWritten(all)
            try checkRawLogs()
            try checkPositions(committed)
            settle(committed, all)

            guard goesOn else { return }
            step = "going on"
            try goOn()
            try checkNothingHangs()
            let later = try LogView(of: world.broker, .readCommitted)
            checkStable(committed, later)
            checkTransactions(later)
            let everything = try LogView(of: world.broker, .readUncommitted)
            checkOrder(everything)
            checkWritten(everything)
            try checkPositions(later)

            step = "opening again"
            let before = try Contents(of: world.broker)
            try world.close()
            try world.open()
            checkEqual(before, try Contents(of: world.broker))
            step = "closing"
            try world.close()
            if world.fileSystem.openFileCount > 0 {
                fail(Self.recovery, "\(world.fileSystem.openFileCount) files are still open after closing")
            }
        } catch {
            fail(Self.recovery, "\(step) (\(history.step)) failed: \(error)")
        }
    }

    private mutating func fail(_ invariant: String, _ what: String) {
        violations.append(Violation(invariant: invariant, what: what))
    }

    // Before anything is taken over

    /// No record of a transaction that nobody asked to commit.
    private mutating func checkUndecided(_ view: LogView) {
        for (partition, records) in view.records.sorted(by: { $0.key < $1.key }) {
            for found in records {
                guard let number = history.records[found.value]?.transaction else { continue }
                if history.transactions[number].fate == .neverCommitted {
                    fail(Self.isolated, "\(partition) shows \(found) of transaction \(number), which never committed")
                }
            }
        }
    }

    /// Records whose promise is as strong as the crash are where the broker said.
    private mutating func checkWritten(_ view: LogView) {
        var places: [String: (TopicPartition, Int64)] = [:]
        for (partition, records) in view.records {
            for found in records { places[found.value] = (partition, found.offset) }
        }
        for (value, record) in history.records.sorted(by: { $0.value.number < $1.value.number }) {
            guard record.promise >= survives, let offset = record.offset else { continue }
            guard let place = places[value] else {
                fail(Self.durable, "\(shown(value)), \(record.promise) at \(record.partition) \(offset), is gone")
                continue
            }
            if place != (record.partition, offset) {
                fail(
                    Self.ordered,
                    "\(shown(value)) was acknowledged at \(record.partition) \(offset) and is at \(place)"
                )
            }
        }
    }

    private mutating func checkFencing() throws {
        for owner in history.fenced {
            let (id, producer) = (owner.transactionalId, owner.producer)
            do {
                try world.broker.transactions.addPartitions([CrashWorld.outputs[0]], to: id, producer: producer)
                fail(Self.fenced, "\(producer), an old identity of \(id), may still add partitions")
            } catch {}
            do {
                _ = try world.broker.transactions.end(id, producer: producer, .commit)
                fail(Self.fenced, "\(producer), an old identity of \(id), may still commit")
            } catch {}
        }
    }

    /// The idempotent producer outlives the broker: it sends its last batches again, and goes on.
    private mutating func repeatIdempotent() throws {
        for partition in history.lastIdempotent.keys.sorted() {
            guard let last = history.lastIdempotent[partition] else { continue }
            let isDuplicate = try world.sendLastIdempotent(to: partition)
            if let offset = last.baseOffset {
                if !isDuplicate { fail(Self.ordered, "\(partition) stored a repeated batch (at \(offset)) again") }
                let again = history.lastIdempotent[partition]?.baseOffset
                if again != offset { fail(Self.ordered, "a repeated batch moved from \(offset) to \(again ?? -1)") }
            }
            try world.sendIdempotent(1, to: partition, repeats: true)
        }
    }

    // Taking over

    private mutating func takeOver() throws {
        for id in history.identities.keys.sorted() {
            let before = history.identities[id] ?? .none
            let known = history.producerIds
            _ = try world.takeOver(id)
            let after = history.identities[id] ?? .none
            let isNewer = after.id == before.id ? after.epoch > before.epoch : !known.contains(after.id)
            if !isNewer { fail(Self.fenced, "the new owner of \(id) is \(after), which \(before) is not older than") }
        }
        let id = try world.broker.transactions.newProducerId().id
        if history.producerIds.contains(id) { fail(Self.ordered, "producer id \(id) was given out twice") }
    }

    /// With every transaction decided, readers of committed data get to the end of every log.
    private mutating func checkNothingHangs() throws {
        for partition in try world.broker.allTopics.flatMap(\.partitions) {
            let (stable, end) = (partition.log.lastStableOffset, partition.log.logEndOffset)
            if stable != end {
                let open = partition.log.openTransactions
                fail(Self.atomic, "\(partition.id) is stable up to \(stable) of \(end) only: \(open) hang")
            }
        }
    }

    // Reading

    /// What readers of committed data have got, they get again.
    private mutating func checkStable(_ early: LogView, _ late: LogView) {
        for (partition, records) in early.records.sorted(by: { $0.key < $1.key }) {
            let later = late.records[partition] ?? []
            if Array(later.prefix(records.count)) != records {
                fail(Self.isolated, "\(partition) showed \(records) and then \(later)")
            }
        }
    }

    private mutating func checkOrder(_ view: LogView) {
        var seen: Set<String> = []
        for (partition, records) in view.records.sorted(by: { $0.key < $1.key }) {
            var lastOffset: Int64 = -1
            var lastNumbers: [String: Int] = [:]
            for found in records {
                guard let record = history.records[found.value] else {
                    fail(Self.ordered, "\(partition) holds \(found), which nobody sent")
                    continue
                }
                if !seen.insert(found.value).inserted { fail(Self.ordered, "\(partition) holds \(found) twice") }
                if record.partition != partition {
                    fail(Self.ordered, "\(partition) holds a record of another: \(found)")
                }
                if found.offset <= lastOffset { fail(Self.ordered, "\(partition): \(found) comes after \(lastOffset)") }
                if record.number < lastNumbers[record.sender] ?? -1 {
                    fail(Self.ordered, "\(partition): \(found) comes after a later record of its producer")
                }
                lastOffset = found.offset
                lastNumbers[record.sender] = record.number
            }
        }
    }

    private mutating func checkSubset(_ part: LogView, of whole: LogView) {
        for (partition, records) in part.records.sorted(by: { $0.key < $1.key }) {
            let missing = Set(records).subtracting(whole.records[partition] ?? [])
            if !missing.isEmpty {
                fail(Self.isolated, "\(partition): only readers of committed data see \(missing)")
            }
        }
    }

    private mutating func checkTransactions(_ view: LogView) {
        let visible = view.values
        for (number, transaction) in history.transactions.enumerated() {
            let sent = transaction.sent.sorted { $0.key < $1.key }.flatMap(\.value)
            let shown = sent.filter(visible.contains)
            let summary =
                "transaction \(number) of \(transaction.transactionalId) shows "
                + "\(shown.map(self.shown)) of \(sent.map(self.shown))"
            switch transaction.fate {
            case .neverCommitted:
                if !shown.isEmpty { fail(Self.isolated, "\(summary), though it never committed") }
            case .inDoubt:
                if !shown.isEmpty, shown != sent { fail(Self.atomic, "\(summary), all or none should be visible") }
                if transaction.wasSeen, shown != sent { fail(Self.durable, "\(summary), though it was seen before") }
            case .committed:
                if shown != sent { fail(Self.atomic, "\(summary), though its commit returned") }
            }
        }
    }

    /// The positions that transactions committed are visible with their records, and none is beyond the input's end.
    private mutating func checkPositions(_ view: LogView) throws {
        let visible = view.values
        var expected: Int64?
        for transaction in history.transactions {
            guard let position = transaction.position else { continue }
            if transaction.sent.values.contains(where: { $0.contains(where: visible.contains) }) { expected = position }
        }
        let copied = try world.broker.groups.committedOffsets(of: CrashWorld.copiers.groupId)[CrashWorld.input]?.offset
        if copied != expected {
            fail(
                Self.atomic,
                "the copiers' position is \(text(copied)), but their last visible transaction says \(text(expected))"
            )
        }
        let read = try world.broker.groups.committedOffsets(of: CrashWorld.readers.groupId)[CrashWorld.input]?.offset
        if read != history.position, read != history.positionInDoubt {
            let wanted = "\(text(history.position)) or \(text(history.positionInDoubt))"
            fail(Self.durable, "the readers' position is \(text(read)), not \(wanted)")
        }
        let end = try world.broker.partition(CrashWorld.input).log.logEndOffset
        for position in [copied, read] {
            if let position, position > end {
                fail(Self.durable, "position \(position) is beyond the input's end \(end)")
            }
        }
    }

    /// Every log is a chain of batches from its start to its end, without holes unless it is compacted.
    private mutating func checkRawLogs() throws {
        for partition in try world.broker.allTopics.flatMap(\.partitions) {
            let isCompacted = partition.log.configuration.cleanupPolicy.contains(.compact)
            var next = partition.log.logStartOffset
            while next < partition.log.logEndOffset {
                var buffer = ByteWriter(capacity: 1 << 12)
                let result = try partition.log.read(
                    from: next,
                    maximumBytes: 1 << 20,
                    upTo: .logEnd,
                    atLeastOneBatch: true,
                    into: &buffer
                )
                guard result.nextOffset > next else {
                    fail(Self.ordered, "\(partition.id) cannot be read at \(next)")
                    break
                }
                var batches = RecordBatches(buffer.bytes)
                while let batch = try batches.next() {
                    let isInPlace = batch.header.baseOffset == next || isCompacted && batch.header.baseOffset > next
                    if !isInPlace {
                        fail(Self.ordered, "\(partition.id): the batch after \(next) is at \(batch.header.baseOffset)")
                    }
                    next = batch.header.nextOffset
                }
            }
        }
    }

    /// What recovery has decided stays so: doubts are settled, and what is there is durable.
    private func settle(_ committed: LogView, _ all: LogView) {
        let visible = committed.values
        for number in history.transactions.indices where history.transactions[number].fate == .inDoubt {
            let isVisible = history.transactions[number].sent.values.contains { $0.contains(where: visible.contains) }
            world.history.transactions[number].fate = isVisible ? .committed : .neverCommitted
        }
        for value in history.records.keys {
            world.history.records[value]?.promise = .nothing
            world.history.records[value]?.offset = nil
        }
        for found in all.records.values.joined() {
            world.history.promise(.durable, for: [found.value], from: found.offset)
        }
    }

    // Going on

    /// New records and transactions take their course, and are held against the history like those before.
    private mutating func goOn() throws {
        try world.sendPlain(2, to: CrashWorld.input)
        let copier = try world.takeOver("copier")
        try world.copy(1, by: copier)
        try world.commit(copier)
        try world.copy(1, by: copier)
        try world.abort(copier)
        try world.copy(1, by: copier)
        try world.commit(copier)
        for output in CrashWorld.outputs { try world.sendPlain(1, to: output) }
    }

    /// All that must be the same after a clean stop and a new start.
    private struct Contents: Equatable {
        var committed: LogView
        var all: LogView
        var positions: [[TopicPartition: CommittedOffset]]
        var ends: [Int64]

        init(of broker: EmbeddedBroker) throws {
            committed = try LogView(of: broker, .readCommitted)
            all = try LogView(of: broker, .readUncommitted)
            positions = [CrashWorld.copiers, CrashWorld.readers].map {
                broker.groups.committedOffsets(of: $0.groupId)
            }
            ends = broker.allTopics.flatMap { $0.partitions.map(\.log.logEndOffset) }
        }
    }

    private mutating func checkEqual(_ before: Contents, _ after: Contents) {
        if before != after { fail(Self.recovery, "a clean stop and start changed \(before) to \(after)") }
    }

    private func shown(_ value: String) -> String { String(value.prefix { $0 != "." }) }

    private func text(_ offset: Int64?) -> String { offset.map { "\($0)" } ?? "none" }
}
