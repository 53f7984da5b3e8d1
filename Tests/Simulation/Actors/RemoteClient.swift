import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit

/// A producer without transactions, outside of the broker's process. The first client is plain, the others are
/// idempotent: they number their batches, and send one again until they hear that it is stored.
struct RemoteClient {
    struct Sent {
        var batch: Int
        var bytes: [UInt8]
        var acknowledgement: Acknowledgement
    }

    let isIdempotent: Bool
    var identity: ProducerIdentity?
    var nextSequences: [TopicPartition: Int32] = [:]
    /// The last batch for each partition.
    var last: [TopicPartition: Sent] = [:]
    /// Partitions whose last batch it has not heard of.
    var unheard: Set<TopicPartition> = []
}

extension Simulation {
    func sendBatch(
        _ number: Int,
        to partition: TopicPartition,
        count: Int,
        _ acknowledgement: Acknowledgement,
        _ transport: Transport
    ) {
        if clients[number].isIdempotent, clients[number].identity == nil {
            guard let identity = newProducerId() else { return }
            clients[number].identity = identity
        }
        // What got no answer comes first, or a gap would be left.
        if clients[number].unheard.contains(partition) {
            resend(number, to: partition)
            if clients[number].unheard.contains(partition) || clients[number].identity == nil { return }
        }
        let client = clients[number]
        let identity = client.identity ?? .none
        let sequence = client.isIdempotent ? client.nextSequences[partition] ?? 0 : -1
        let batch = model.add(to: partition, count: count, producer: client.isIdempotent ? identity : nil)
        let bytes = seal(
            model.batches[batch],
            timeMs: machine.time.milliseconds,
            producer: identity,
            sequence: sequence
        )
        if client.isIdempotent {
            clients[number].nextSequences[partition] = sequence + Int32(count)
            clients[number].last[partition] =
                RemoteClient.Sent(batch: batch, bytes: bytes, acknowledgement: acknowledgement)
            clients[number].unheard.insert(partition)
        }
        hear(
            send(.append(batch: batch, bytes: bytes, acknowledgement), transport),
            number,
            partition,
            mustSucceed: true
        )
    }

    /// Sends the last batch once more, whether or not it was acknowledged.
    func resend(_ number: Int, to partition: TopicPartition) {
        guard let sent = clients[number].last[partition], clients[number].identity != nil else { return }
        let request = Request.append(batch: sent.batch, bytes: sent.bytes, sent.acknowledgement)
        hear(send(request, .prompt), number, partition, mustSucceed: false)
    }

    private func hear(_ reply: Reply?, _ number: Int, _ partition: TopicPartition, mustSucceed: Bool) {
        guard let reply else { return }
        note(reply.summary)
        if reply.isDone { clients[number].unheard.remove(partition) }
        if reply.isRefused {
            if mustSucceed, !clients[number].isIdempotent, !machine.hasMetFaults {
                model.violate(.live, "a plain batch for \(partition) was refused: \(reply.summary)")
            }
            // What came before was lost as promised: the client begins anew, as one that was fenced.
            clients[number] = RemoteClient(isIdempotent: clients[number].isIdempotent)
        }
    }

    private func newProducerId() -> ProducerIdentity? {
        guard let broker = machine.broker else { return nil }
        let answer = machine.ask { try broker.transactions.newProducerId() }
        note(answer.summary)
        if let producer = answer.value { model.gave(producer, to: nil) }
        if answer.isRefused { model.violate(.live, "no producer id was given: \(answer.summary)") }
        return answer.value
    }
}
