import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

/// A request of a client outside of the broker's process: a value, so that it can arrive late, or twice.
enum Request {
    case append(batch: Int, bytes: [UInt8], Acknowledgement)
    case position(transaction: Int, transactionalId: String, ProducerIdentity)
    case end(transaction: Int, transactionalId: String, ProducerIdentity, commits: Bool)
    case commit([TopicPartition: CommittedOffset], GroupMembership)
}

extension Request {
    /// Whether it decides a transaction.
    var endsTransaction: Bool {
        switch self {
        case .end: true
        case .append, .position, .commit: false
        }
    }
}

/// What a request's client gets to hear.
struct Reply {
    var isDone = false
    var isRefused = false
    /// The identity that the owner of a transaction goes on with.
    var producer: ProducerIdentity?
    var summary = ""
}

extension Simulation {
    /// Carries a request out as its transport says; nil if its client hears nothing.
    func send(_ request: Request, _ transport: Transport) -> Reply? {
        switch transport {
        case .prompt:
            return carryOut(request)
        case .answerLost:
            note("unheard, " + carryOut(request).summary)
            return nil
        case .held:
            held.append(request)
            note("held")
            return nil
        }
    }

    /// Carries a request out and tells the model what came of it.
    func carryOut(_ request: Request) -> Reply {
        guard let broker = machine.broker else { return Reply(summary: "no broker") }
        switch request {
        case .append(let batch, let bytes, let acknowledgement):
            return append(batch, bytes, acknowledgement, broker)
        case .position(let transaction, let id, let producer):
            let offset = CommittedOffset(offset: Int64(transaction))
            let group = GroupMembership(groupId: Place.group(of: id))
            let answer = machine.ask {
                try broker.transactions.commitOffsets([Place.inputs[0]: offset], for: group, in: id, producer: producer)
            }
            if case .done = answer {
                model.checkOwner(producer, of: id, "send the position of transaction \(transaction)")
            }
            model.positioned(transaction, answer)
            return Reply(answer)
        case .end(let transaction, let id, let producer, let commits):
            let answer = machine.ask { try broker.transactions.end(id, producer: producer, commits ? .commit : .abort) }
            if commits { model.committed(transaction, answer.void) } else { model.aborted(transaction, answer.void) }
            if let next = answer.value { model.movedOn(to: next, id) }
            var reply = Reply(answer)
            reply.producer = answer.value
            return reply
        case .commit(let offsets, let member):
            let answer = machine.ask {
                try broker.transactions.makeDurable(offsets)
                try broker.groups.commit(offsets, for: member)
            }
            for (partition, offset) in offsets { model.committed(offset.offset, of: partition, answer, by: member) }
            return Reply(answer)
        }
    }

    private func append(
        _ number: Int,
        _ bytes: [UInt8],
        _ acknowledgement: Acknowledgement,
        _ broker: EmbeddedBroker
    ) -> Reply {
        let partition = model.batches[number].partition
        // The log writes offsets into what it is given.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        let batch = model.batches[number]
        let transactionalId = batch.transaction.map { model.transactions[$0].transactionalId }
        let isFirst =
            batch.transaction.map { transaction in
                model.transactions[transaction].batches.first { model.batches[$0].partition == partition } == number
            } ?? false
        let answer = machine.ask {
            // The coordinator is asked before the first batch, so that one that is late opens no transaction that nobody
            // ends (KIP-890); and before each once logs may have lost what fences late ones.
            if let transactionalId, let producer = batch.producer, isFirst || statistics.recoveries > 0 {
                try broker.transactions.addPartitions([partition], to: transactionalId, producer: producer)
            }
            return try broker.partition(partition).append(copy, origin: .client)
        }
        switch answer {
        case .done(let result): model.appended(number, .done(result.baseOffset))
        case .refused(let why): model.appended(number, .refused(why))
        case .unknown(let why): model.appended(number, .unknown(why))
        }
        guard let result = answer.value, acknowledgement == .durable else { return Reply(answer) }
        let flushed = machine.ask { try broker.partition(partition).flush(upTo: result.lastOffset + 1) }
        if case .done = flushed { model.becameDurable(number) }
        var reply = Reply(flushed)
        reply.summary = "\(result.baseOffset)\(result.isDuplicate ? " again" : "") " + reply.summary
        return reply
    }
}

extension Reply {
    init<Value>(_ answer: Answer<Value>) {
        summary = answer.summary
        switch answer {
        case .done: isDone = true
        case .refused: isRefused = true
        case .unknown: break
        }
    }
}

extension Answer {
    var void: Answer<Void> {
        switch self {
        case .done: .done(())
        case .refused(let why): .refused(why)
        case .unknown(let why): .unknown(why)
        }
    }
}

/// The bytes of a batch of the model.
func seal(_ batch: Batch, timeMs: Int64, producer: ProducerIdentity, sequence: Int32) -> [UInt8] {
    let builder = builder(of: batch, timeMs: timeMs)
    return withExtendedLifetime(builder) {
        let bytes = try? builder.seal(
            producer: producer,
            baseSequence: sequence,
            isTransactional: batch.transaction != nil
        )
        return bytes.map { [UInt8]($0) } ?? []
    }
}

/// An unsealed batch of the model.
func builder(of batch: Batch, timeMs: Int64) -> RecordBatchBuilder {
    let builder = RecordBatchBuilder(capacity: 1 << 10)
    for (index, value) in batch.values.enumerated() {
        let isTombstone = batch.isTombstone(index)
        var headers = ByteWriter()
        RecordHeaders(isTombstone ? [RecordHeader(value, nil)] : []).encode(into: &headers)
        Array(batch.key(of: index).utf8).withUnsafeBytes { key in
            Array(value.utf8).withUnsafeBytes { value in
                _ = builder.append(
                    key: key,
                    value: isTombstone ? nil : value,
                    timestamp: timeMs,
                    headers: headers.bytes
                )
            }
        }
    }
    return builder
}
