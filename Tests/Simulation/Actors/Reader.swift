import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives

/// A member of a group that reads the outputs and commits what it has read, without transactions.
final class Reader {
    let consumer: any ConsumerConnection
    var positions: [TopicPartition: Int64] = [:]

    init(consumer: any ConsumerConnection) {
        self.consumer = consumer
    }
}

extension Simulation {
    func read(reader number: Int) {
        guard let reader = readers[number] ?? start(reader: number) else { return }
        for _ in 0..<3 {
            let answer = machine.ask { try reader.consumer.poll(timeout: .zero) }
            guard let fetched = answer.value else {
                note(answer.void.summary)
                return stop(reader: number, inOrder: true)
            }
            for part in fetched {
                guard let records = machine.ask({ try SeenRecord.all(in: part) }).value else { continue }
                for record in records { model.saw(record, in: part.partition) }
                reader.positions[part.partition] = part.nextOffset
                note("\(part.partition): \(records.map(\.value))")
            }
        }
        let assigned = Set(reader.consumer.assignment)
        reader.positions = reader.positions.filter { assigned.contains($0.key) }
        if let member = reader.consumer.membership { model.joined(member) }
    }

    private func start(reader number: Int) -> Reader? {
        guard let broker = machine.broker else { return nil }
        var settings = ConsumerSettings()
        settings.groupId = Place.readers
        settings.autoCommitInterval = nil
        settings.sessionTimeout = Self.sessionTimeout
        settings.maximumPollInterval = Self.sessionTimeout
        let answer = machine.ask {
            let consumer = try broker.connectConsumer(settings)
            try consumer.subscribe(to: ["output"], listener: nil)
            return Reader(consumer: consumer)
        }
        readers[number] = answer.value
        return answer.value
    }

    /// Through the broker's own interface, so that the request can be held back until the group has moved on.
    func commitRead(reader number: Int, _ transport: Transport) {
        guard let reader = readers[number], let member = reader.consumer.membership, !reader.positions.isEmpty else {
            return
        }
        let offsets = reader.positions.mapValues { CommittedOffset(offset: $0) }
        if let reply = send(.commit(offsets, member), transport) { note(reply.summary) }
    }

    func stop(reader number: Int, inOrder: Bool) {
        if inOrder { readers[number]?.consumer.close() }
        readers[number] = nil
    }
}
