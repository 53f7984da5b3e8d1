import MillracePrimitives

/// What was asked of the broker and what it answered, and what follows from that for what readers may see.
///
/// Knows Kafka's promises, and nothing of how the engine keeps them: it takes plain values, and shares no code with what
/// it judges. The first thing that cannot be is kept in `violation`.
struct Model {
    var batches: [Batch] = []
    var transactions: [Transaction] = []
    /// The newest identity that the broker has given to each transactional id.
    private(set) var identities: [String: ProducerIdentity] = [:]
    /// All producer ids, with the newest epoch that was given.
    private var epochs: [Int64: Int16] = [:]
    /// What a group may have committed without transactions, for each partition; nil stands for nothing.
    private(set) var positions: [TopicPartition: Set<Int64?>] = [:]
    /// The newest generation that a member of each group was told.
    private var generations: [String: Int32] = [:]
    /// The batches of these producers may begin after their first sequence number: some were lost as promised.
    private(set) var producersWithLosses: Set<Int64> = []
    /// The cleaner has run: records of tables may be gone.
    var hasCleaned = false
    private(set) var violation: Violation?

    mutating func violate(_ invariant: Violation.Invariant, _ what: String) {
        if violation == nil { violation = Violation(invariant: invariant, what: what) }
    }

    // Batches

    /// Takes note of a batch before it is sent; returns its number.
    mutating func add(
        to partition: TopicPartition,
        count: Int,
        transaction: Int? = nil,
        producer: ProducerIdentity? = nil,
        origin: Batch.Origin? = nil
    ) -> Int {
        let number = batches.count
        batches.append(
            Batch(
                number: number,
                partition: partition,
                count: count,
                transaction: transaction,
                producer: producer,
                origin: origin
            )
        )
        if let transaction { transactions[transaction].batches.append(number) }
        return number
    }

    /// The broker has answered an append: with the batch's offset, or with an error.
    mutating func appended(_ number: Int, _ answer: Answer<Int64>) {
        let batch = batches[number]
        switch answer {
        case .refused:
            return
        case .unknown:
            batches[number].mayBeStored = true
        case .done(let offset):
            checkOwnership(of: batch)
            if batch.promise > .nothing, let known = batch.offset, known != offset {
                violate(
                    .ordered,
                    "batch \(number) was stored at \(batch.partition):\(known), and a retry was acknowledged at \(offset)"
                )
            }
            if batch.offset != offset { batches[number].removed = [] }
            batches[number].mayBeStored = true
            batches[number].wasAcknowledged = true
            batches[number].offset = offset
            batches[number].promise = max(batch.promise, .written)
        }
    }

    private mutating func checkOwnership(of batch: Batch) {
        guard let producer = batch.producer, let index = batch.transaction else { return }
        checkOwner(
            producer,
            of: transactions[index].transactionalId,
            "append batch \(batch.number) to \(batch.partition)"
        )
    }

    /// The broker has let an owner do something: it must be the newest one.
    mutating func checkOwner(_ producer: ProducerIdentity, of transactionalId: String, _ what: String) {
        guard let newest = identities[transactionalId], newest != producer else { return }
        if newest.id != producer.id || newest.epoch > producer.epoch {
            violate(.fenced, "\(producer) of \(transactionalId) could \(what), though \(newest) has replaced it")
        }
    }

    /// The broker has said that a stored batch survives power loss.
    mutating func becameDurable(_ number: Int) {
        batches[number].promise = .durable
    }

    // Identities

    /// The broker has given a producer its identity: an id or epoch that nobody had before.
    mutating func gave(_ producer: ProducerIdentity, to transactionalId: String?) {
        if let newest = epochs[producer.id], newest >= producer.epoch {
            violate(.fenced, "\(producer) was given to \(transactionalId ?? "a producer"), after \(newest) of that id")
        }
        note(producer, of: transactionalId)
        if let transactionalId { replacedOwner(of: transactionalId) }
    }

    /// A new owner has taken an id over: what the old one left open, and never asked to commit, is aborted.
    mutating func replacedOwner(of transactionalId: String) {
        for index in transactions.indices
        where transactions[index].transactionalId == transactionalId && transactions[index].fate == .open {
            transactions[index].fate = .aborted
        }
    }

    private mutating func note(_ producer: ProducerIdentity, of transactionalId: String?) {
        epochs[producer.id] = producer.epoch
        if let transactionalId { identities[transactionalId] = producer }
    }

    /// An owner goes on with another identity after the end of its transaction; an old answer may come late.
    mutating func movedOn(to producer: ProducerIdentity, _ transactionalId: String) {
        if let newest = epochs[producer.id], newest >= producer.epoch { return }
        note(producer, of: transactionalId)
    }

    // Positions without transactions

    mutating func committed(
        _ offset: Int64,
        of partition: TopicPartition,
        _ answer: Answer<Void>,
        by member: GroupMembership
    ) {
        switch answer {
        case .refused: return
        case .unknown: positions[partition, default: [nil]].insert(offset)
        case .done:
            positions[partition] = [offset]
            checkMember(member)
        }
    }

    /// A member was told its generation.
    mutating func joined(_ member: GroupMembership) {
        generations[member.groupId] = max(generations[member.groupId] ?? -1, member.generation)
    }

    /// The broker has let a member commit: it must be of the newest generation.
    mutating func checkMember(_ member: GroupMembership) {
        guard let newest = generations[member.groupId], newest > member.generation else { return }
        violate(
            .fenced,
            "a member of generation \(member.generation) could commit for group \(member.groupId), which is at \(newest)"
        )
    }

    /// What was found is the case.
    mutating func settle(position: Int64?, of partition: TopicPartition) {
        positions[partition] = [position]
    }

    // Crashes

    /// A process has ended whose writes have failed at times. A member is told its generation before that is written, so
    /// the next process may count on from an older one; who was a member before is none any more.
    mutating func lostProcess() { generations = [:] }

    /// What survives only because the machine goes on is not promised any more. Nor are generations: who was a member
    /// before is none any more, whatever generation comes next.
    mutating func lostPower() {
        generations = [:]
        for index in batches.indices where batches[index].promise == .written { batches[index].promise = .nothing }
    }

    /// The process is no more: an owner's open transaction may be aborted by the start of the next, and its commit may
    /// yet be asked for.
    mutating func settle(_ number: Int, at offset: Int64?, isDurable: Bool) {
        batches[number].offset = offset
        batches[number].mayBeStored = offset != nil
        if offset == nil { batches[number].removed = [] }
        batches[number].promise =
            offset == nil ? .nothing : isDurable ? .durable : max(batches[number].promise, .written)
        if offset == nil, let producer = batches[number].producer { producersWithLosses.insert(producer.id) }
    }
}
