import MillracePrimitives

/// What a run asked of the broker and what it was told: the promises that recovery has to keep.
///
/// A value, so that the history of one crashed run can be held against many survivors of it. Every record has a value of
/// its own, by which it is known wherever it turns up.
struct CrashHistory: Hashable, Sendable {
    /// What the owner of a transaction knows of its end.
    enum Fate: Hashable, Sendable {
        /// Nobody asked for a commit, or it was refused: no reader of committed data ever sees a record of it.
        case neverCommitted
        /// A commit was asked for and the answer did not come: all of it or nothing.
        case inDoubt
        /// The commit returned.
        case committed
    }

    struct Transaction: Hashable, Sendable {
        var transactionalId: String
        /// The values sent, by partition, in order.
        var sent: [TopicPartition: [String]] = [:]
        /// The position in the input that goes with it.
        var position: Int64?
        var fate = Fate.neverCommitted
        /// Whether a reader of committed data got a record of it: then it can never be taken back.
        var wasSeen = false
    }

    /// How much the broker promised about a record.
    enum Promise: Int, Comparable, Hashable, Sendable {
        case nothing
        /// It is in the page cache.
        case written
        /// It survives power loss.
        case durable

        static func < (left: Promise, right: Promise) -> Bool { left.rawValue < right.rawValue }
    }

    struct Record: Hashable, Sendable {
        var partition: TopicPartition
        /// Who sent it; the records of one sender stand in a partition in the order in which they were first sent.
        var sender: String
        /// Its place among all that were sent, in order.
        var number: Int
        /// Which transaction it belongs to; nil for none.
        var transaction: Int?
        var promise = Promise.nothing
        /// Where the broker said that it is.
        var offset: Int64?
    }

    /// A batch of the idempotent producer, which a producer that outlives the broker can send again.
    struct IdempotentBatch: Hashable, Sendable {
        var values: [String]
        var firstSequence: Int32
        /// nil if no answer came.
        var baseOffset: Int64?
    }

    struct FencedOwner: Hashable, Sendable {
        var transactionalId: String
        var producer: ProducerIdentity
    }

    var transactions: [Transaction] = []
    var records: [String: Record] = [:]
    /// The newest identity that each transactional id was given.
    var identities: [String: ProducerIdentity] = [:]
    /// Identities that a newer owner, or a time-out, has replaced.
    var fenced: [FencedOwner] = []
    /// All producer ids that were ever given out.
    var producerIds: Set<Int64> = []
    /// The idempotent producer without transactions.
    var idempotent = ProducerIdentity.none
    /// Its last batch in each partition.
    var lastIdempotent: [TopicPartition: IdempotentBatch] = [:]
    /// The position that the plain group has for certain, and one that it may have.
    var position: Int64?
    var positionInDoubt: Int64?
    /// Whether the topics exist for certain.
    var topics: Set<String> = []
    /// What was being done last.
    var step = "nothing"

    mutating func noteIdentity(_ producer: ProducerIdentity, of transactionalId: String) {
        identities[transactionalId] = producer
        producerIds.insert(producer.id)
    }

    /// Takes note of a record before it is sent, and returns its value.
    mutating func send(to partition: TopicPartition, by sender: String, padding: Int = 0) -> String {
        let number = records.count
        let value = "\(sender)/\(number)/" + String(repeating: ".", count: padding)
        records[value] = Record(partition: partition, sender: sender, number: number)
        return value
    }

    /// The same for a record of a transaction.
    mutating func send(to partition: TopicPartition, in transaction: Int, padding: Int = 0) -> String {
        let value = send(to: partition, by: "t\(transaction)", padding: padding)
        records[value]?.sender = transactions[transaction].transactionalId
        records[value]?.transaction = transaction
        transactions[transaction].sent[partition, default: []].append(value)
        return value
    }

    mutating func promise(_ promise: Promise, for values: [String], from baseOffset: Int64) {
        for (index, value) in values.enumerated() {
            records[value]?.promise = promise
            records[value]?.offset = baseOffset + Int64(index)
        }
    }
}
