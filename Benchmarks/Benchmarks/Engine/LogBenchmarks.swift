import Benchmark
import Millrace

/// The log through its connections, on the disk.
func logBenchmarks() {
    Benchmark("append a batch of 1,000 records") { benchmark in
        try await withBroker { broker in
            let producer = try broker.connectProducer(written())
            let batch = Samples.batch()
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { try producer.send(batch, to: Samples.partition, onDelivery: nil) }
            benchmark.stopMeasurement()
            producer.close()
        }
    }

    Benchmark("fetch a megabyte") { benchmark in
        try await withBroker { broker in
            try fill(broker, batches: 200)
            let consumer = try reader(broker)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                try consumer.seek(Samples.partition, to: 0)
                blackHole(try consumer.poll(timeout: .zero).first?.recordCount)
            }
            benchmark.stopMeasurement()
            consumer.close()
        }
    }

    Benchmark("fetch from a random offset, by the index") { benchmark in
        try await withBroker { broker in
            try fill(broker, batches: 1_000)
            let consumer = try reader(broker, maximumBytes: 1)
            var random = SeededRandom(seed: 1)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                try consumer.seek(Samples.partition, to: Int64(random.next() % 1_000_000))
                blackHole(try consumer.poll(timeout: .zero).first?.recordCount)
            }
            benchmark.stopMeasurement()
            consumer.close()
        }
    }

    Benchmark("look a timestamp up") { benchmark in
        try await withBroker { broker in
            try fill(broker, batches: 1_000)
            let consumer = try reader(broker)
            var random = SeededRandom(seed: 1)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                blackHole(try consumer.offsets(at: [Samples.partition: Int64(random.next() % 1_000)]))
            }
            benchmark.stopMeasurement()
            consumer.close()
        }
    }

    Benchmark("commit a transaction of one record, durably") { benchmark in
        try await withBroker { broker in
            var settings = ProducerSettings()
            settings.transactionalId = "benchmark"
            let producer = try broker.connectProducer(settings)
            try producer.initTransactions()
            let batch = RecordBatchBuilder()
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                try producer.beginTransaction()
                batch.reset()
                Samples.value.withUnsafeBytes { value in
                    _ = batch.append(key: nil, value: UnsafeRawBufferPointer(rebasing: value[..<100]), timestamp: 0)
                }
                try producer.send(batch, to: Samples.partition, onDelivery: nil)
                try producer.commitTransaction()
            }
            benchmark.stopMeasurement()
            producer.close()
        }
    }
}

/// Runs on a broker in a directory of its own, which goes away afterwards.
private func withBroker(_ body: (EmbeddedBroker) throws -> Void) async throws {
    let directory = try TemporaryDirectory()
    let broker = try await EmbeddedBroker.open(at: directory.path)
    defer { broker.close() }
    try await Admin(on: broker).createTopic(NewTopic(Samples.partition.topic))
    try body(broker)
}

private func written() -> ProducerSettings {
    var settings = ProducerSettings()
    settings.isIdempotent = false
    settings.acknowledgement = .written
    return settings
}

private func fill(_ broker: EmbeddedBroker, batches: Int) throws {
    let producer = try broker.connectProducer(written())
    let batch = Samples.batch()
    for _ in 0..<batches { try producer.send(batch, to: Samples.partition, onDelivery: nil) }
    producer.close()
}

private func reader(_ broker: EmbeddedBroker, maximumBytes: Int = 1 << 20) throws -> any ConsumerConnection {
    var settings = ConsumerSettings()
    settings.maximumPartitionBytes = maximumBytes
    let consumer = try broker.connectConsumer(settings)
    try consumer.assign([Samples.partition])
    return consumer
}
