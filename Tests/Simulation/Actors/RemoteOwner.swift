import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit

/// The owner of a transactional id, outside of the broker's process. It keeps to the protocol, but may not know that
/// another owner has replaced it.
struct RemoteOwner {
    let transactionalId: String
    var identity: ProducerIdentity?
    /// The model's number of the open transaction.
    var transaction: Int?
    var nextSequences: [TopicPartition: Int32] = [:]
    /// A batch that it has not heard of, which has to be sent again before anything else.
    var unheard: RemoteClient.Sent?
    /// It can only abort: it does not know whether a request was carried out.
    var mustAbort = false
    /// The end that it has asked for and not heard of.
    var ending: Bool?

    /// What is left when it hears that it was replaced.
    mutating func forget() { self = RemoteOwner(transactionalId: transactionalId) }

    /// It goes on with its next transaction.
    mutating func goOn(as identity: ProducerIdentity) {
        forget()
        self.identity = identity
    }
}

extension Simulation {
    func takeOver(_ number: Int) {
        guard let broker = machine.broker else { return }
        let id = owners[number].transactionalId
        owners[number].forget()
        let answer = machine.ask { try broker.transactions.initProducerId(id, timeout: Self.transactionTimeout) }
        note(answer.summary)
        if let producer = answer.value {
            model.gave(producer, to: id)
            owners[number].identity = producer
        } else if !machine.hasMetFaults {
            model.violate(.live, "\(id) could not be taken over: \(answer.summary)")
        }
    }

    func write(_ number: Int, to partition: TopicPartition, count: Int, _ transport: Transport) {
        guard let identity = owners[number].identity else { return }
        guard !owners[number].mustAbort, owners[number].ending == nil else { return }
        if let unheard = owners[number].unheard {
            return hear(send(.append(batch: unheard.batch, bytes: unheard.bytes, .written), transport), of: number)
        }
        let transaction = openTransaction(of: number)
        let sequence = owners[number].nextSequences[partition] ?? 0
        owners[number].nextSequences[partition] = sequence + Int32(count)
        let batch = model.add(to: partition, count: count, transaction: transaction, producer: identity)
        let bytes = seal(
            model.batches[batch],
            timeMs: machine.time.milliseconds,
            producer: identity,
            sequence: sequence
        )
        owners[number].unheard = RemoteClient.Sent(batch: batch, bytes: bytes, acknowledgement: .written)
        hear(send(.append(batch: batch, bytes: bytes, .written), transport), of: number)
    }

    private func hear(_ reply: Reply?, of number: Int) {
        guard let reply else { return }
        note(reply.summary)
        if reply.isDone { owners[number].unheard = nil }
        if reply.isRefused { owners[number].forget() }
    }

    func sendPosition(_ number: Int, _ transport: Transport) {
        guard let identity = owners[number].identity, !owners[number].mustAbort, owners[number].ending == nil else {
            return
        }
        let transaction = openTransaction(of: number)
        let request = Request.position(
            transaction: transaction,
            transactionalId: owners[number].transactionalId,
            identity
        )
        guard let reply = send(request, transport) else {
            owners[number].mustAbort = true
            return
        }
        note(reply.summary)
        if reply.isRefused { owners[number].forget() } else if !reply.isDone { owners[number].mustAbort = true }
    }

    private func openTransaction(of number: Int) -> Int {
        if let transaction = owners[number].transaction { return transaction }
        let transaction = model.begin(owners[number].transactionalId)
        owners[number].transaction = transaction
        return transaction
    }

    func end(_ number: Int, commits: Bool, _ transport: Transport) {
        let owner = owners[number]
        guard let identity = owner.identity, let transaction = owner.transaction else { return }
        // It never commits what it does not know to be stored, and asks again for what it has asked for.
        let result = owner.ending ?? (commits && !owner.mustAbort && owner.unheard == nil)
        owners[number].ending = result
        let request = Request.end(
            transaction: transaction,
            transactionalId: owner.transactionalId,
            identity,
            commits: result
        )
        guard let reply = send(request, transport) else { return }
        note(reply.summary)
        if let next = reply.producer { owners[number].goOn(as: next) }
        if reply.isRefused { owners[number].forget() }
    }

    /// Long enough that some transactions run out, and most do not.
    static let transactionTimeout = Duration.seconds(30)
}
