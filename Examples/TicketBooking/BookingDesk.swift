import ExampleSupport
import Millrace
import MillraceFoundationSerdes

/// Takes requests one after the other. Order, seat and the place in the requests are committed together, so that a desk
/// that was killed goes on with the next request, and none is served twice.
struct BookingDesk {
    private struct Cancelled: Error {}

    let broker: EmbeddedBroker

    /// Serves what was requested and not served yet.
    func serveAll() async throws {
        var settings = ConsumerSettings()
        settings.groupId = "booking-desk"
        settings.autoCommitInterval = nil
        settings.isolation = .readCommitted
        let consumer = try await Consumer(on: broker, settings: settings)
        let producer = try await TransactionalProducer(id: "booking-desk", on: broker)
        let partitions = (0..<2).map { TopicPartition("requests", $0) }
        try await consumer.assign(partitions)
        for (partition, offset) in try await consumer.committed(partitions) {
            try await consumer.seek(partition, to: offset.offset)
        }
        let taken = TopicReader(broker: broker)
        var seats = Set(try await taken.records(of: "seats").compactMap(\.keyText))
        while try await consumer.lag().values.contains(where: { $0 > 0 }), !Task.isCancelled {
            for batch in try await consumer.poll(timeout: .milliseconds(100)) {
                for record in try batch.records() {
                    let request = try Serde<Request>.json.value(of: record.value)
                    let next = [record.partition: CommittedOffset(offset: record.offset + 1)]
                    if try await serve(request, seats, producer, next) { seats.insert(request.seat) }
                }
            }
        }
        await consumer.close()
        await producer.close()
    }

    /// Books a seat, unless it is taken or the customer walks away.
    private func serve(
        _ request: Request,
        _ seats: Set<String>,
        _ producer: TransactionalProducer,
        _ next: [TopicPartition: CommittedOffset]
    ) async throws -> Bool {
        let desk = GroupMembership(groupId: "booking-desk")
        guard !seats.contains(request.seat) else {
            try await producer.withTransaction { try await $0.sendOffsets(next, for: desk) }
            return false
        }
        let order = Order(customer: request.customer, show: request.show, seat: request.seat, cents: request.cents)
        do {
            try await producer.withTransaction { transaction in
                try await transaction.enqueue(
                    ProducerRecord(
                        topic: "orders",
                        key: Array(request.customer.utf8),
                        value: try Serde<Order>.json.bytes(of: order)
                    )
                )
                try await transaction.enqueue(
                    ProducerRecord(topic: "seats", key: request.seat, value: request.customer)
                )
                if request.isCancelled { throw Cancelled() }
                try await transaction.sendOffsets(next, for: desk)
            }
            return true
        } catch is Cancelled {
            try await producer.withTransaction { try await $0.sendOffsets(next, for: desk) }
            return false
        }
    }
}
