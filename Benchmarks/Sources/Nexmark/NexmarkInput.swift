import Millrace

/// The topic that all queries read.
///
/// It is one topic with events of all three kinds, as NEXMark's source is one, and as nexmark-flink writes it to Kafka: a
/// query that asks for persons only pays for reading past all bids as well, and "events per second" counts the same
/// events for every query and every system. The records' keys are ids: of the person, or of the auction, for bids too, so
/// that an auction and its bids are in one partition and in order, as somebody would lay out a topic of auctions.
package enum NexmarkInput {
    package static let topic = "events"
    package static let partitions: Int32 = 4

    /// Writes so many events to the topic, which must exist.
    package static func write(_ count: Int64, of generator: Generator, to broker: EmbeddedBroker) throws {
        var settings = ProducerSettings()
        settings.isIdempotent = false
        settings.acknowledgement = .written
        let connection = try broker.connectProducer(settings)
        let batches = (0..<partitions).map { _ in RecordBatchBuilder() }
        var value = ByteWriter()
        func send(_ partition: Int) throws {
            try connection.send(batches[partition], to: TopicPartition(topic, Int32(partition)), onDelivery: nil)
            batches[partition].reset()
        }
        for place in 0..<count {
            let event = generator.event(at: place)
            value.removeAll()
            event.write(to: &value)
            try withUnsafeBytes(of: event.key.bigEndian) { key in
                let partition = Int(Hashes.partition(forKey: key, of: partitions))
                let (bytes, time) = (value.bytes, event.dateTimeMs)
                if batches[partition].append(key: key, value: bytes, timestamp: time) { return }
                try send(partition)
                batches[partition].append(key: key, value: bytes, timestamp: time)
            }
        }
        for partition in batches.indices where !batches[partition].isEmpty { try send(partition) }
        try connection.flush()
        connection.close()
    }
}
