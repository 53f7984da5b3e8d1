import MillracePrimitives
import MillraceRecordFormat

/// A transaction that no marker has ended yet.
package struct OpenTransaction: Hashable, Sendable {
    /// Who has it open.
    package var producer: ProducerIdentity
    /// Its first record in the partition.
    package var firstOffset: Int64

    package init(producer: ProducerIdentity, firstOffset: Int64) {
        self.producer = producer
        self.firstOffset = firstOffset
    }
}

/// What a partition knows of its producers, and in which order their open transactions began.
struct ProducerTable: Hashable, Sendable {
    private(set) var states: [Int64: ProducerState] = [:]
    /// In the order of first offsets, so that the first one bounds the last stable offset.
    private var open: [(producerId: Int64, firstOffset: Int64)] = []

    init() {}

    init(_ states: [ProducerState]) {
        for state in states { self.states[state.id] = state }
        open = states.compactMap { state in state.transactionFirstOffset.map { (state.id, $0) } }
        open.sort { $0.firstOffset < $1.firstOffset }
    }

    static func == (left: ProducerTable, right: ProducerTable) -> Bool { left.states == right.states }
    func hash(into hasher: inout Hasher) { hasher.combine(states) }

    /// What is known of a producer; a blank state if nothing is.
    func state(of id: Int64) -> ProducerState { states[id] ?? ProducerState(id: id) }

    /// Where the earliest open transaction begins.
    var firstUnstableOffset: Int64? { open.first?.firstOffset }

    var openTransactions: [OpenTransaction] {
        open.map { transaction in
            OpenTransaction(
                producer: ProducerIdentity(id: transaction.producerId, epoch: state(of: transaction.producerId).epoch),
                firstOffset: transaction.firstOffset
            )
        }
    }

    /// Stores a changed state.
    mutating func update(_ state: ProducerState) {
        let before = states.updateValue(state, forKey: state.id)?.transactionFirstOffset
        let after = state.transactionFirstOffset
        guard before != after else { return }
        if let before { open.removeAll { $0.firstOffset == before } }
        if let after { open.append((state.id, after)) }
    }

    /// The last stable offset after a transaction has ended, which its index entry remembers: where the earliest
    /// transaction of another producer begins, or the offset after the marker.
    func lastStableOffset(after transaction: CompletedTransaction) -> Int64 {
        open.first { $0.producerId != transaction.producerId }?.firstOffset ?? transaction.lastOffset + 1
    }

    /// Takes over a stored batch, in recovery: what stands in the log was checked when it was appended.
    mutating func replay(_ header: RecordBatchHeader, marker: EndTransactionMarker?, now: Int64)
        -> CompletedTransaction?
    {
        guard header.producer.id >= 0 else { return nil }
        var state = state(of: header.producer.id)
        var completed: CompletedTransaction?
        if let marker {
            completed = state.apply(marker, epoch: header.producer.epoch, offset: header.lastOffset, now: now)
        } else if !header.attributes.isControl {
            state.apply(header, now: now)
        } else {
            // A control batch of which compaction has left the header alone.
            return nil
        }
        update(state)
        return completed
    }

    /// Forgets producers that have been idle for `expirationMs` and have no transaction open (LE-29).
    mutating func removeExpired(now: Int64, expirationMs: Int64) -> Int {
        let before = states.count
        states = states.filter { entry in
            entry.value.transactionFirstOffset != nil || now - entry.value.lastActivity < expirationMs
        }
        return before - states.count
    }
}

/// What is known of one producer, for administration.
package struct ProducerDescription: Hashable, Sendable {
    /// Id and current epoch.
    package var producer: ProducerIdentity
    /// The last sequence number stored; -1 for none.
    package var lastSequence: Int32
    /// When it last wrote, in milliseconds since 1970.
    package var lastTimestamp: Int64
    /// The epoch of the coordinator that wrote the last marker; -1 for none.
    package var coordinatorEpoch: Int32
    /// Where its open transaction begins, if there is one.
    package var transactionFirstOffset: Int64?
}
