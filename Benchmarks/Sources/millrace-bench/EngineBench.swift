import Measuring
import Millrace
import Workloads

/// What the log itself does on one core, beside copying memory and writing to the disk.
enum EngineWorkload: String, CaseIterable {
    /// As many bytes copied in memory, a megabyte at a time.
    case memcpy
    /// As many bytes written to a file, a megabyte at a time, and an fdatasync.
    case disk
    /// Records encoded into batches and appended, and a flush at the end.
    case produce
    /// Batches fetched, checked and walked record by record, reading what is committed.
    case fetch
}

/// Runs the engine's workloads on the broker and the input of a session.
struct EngineBench {
    let bench: FrameworkBench
    let directory: String

    func run(_ workload: EngineWorkload) async throws -> Sample {
        switch workload {
        case .memcpy: return Resources.sample(records: bench.records) { copyMemory() }
        case .disk:
            let path = directory + "/disk"
            return try Resources.sample(records: bench.records) { try Resources.writeFile(path, bytes: bytes) }
        case .produce:
            try await bench.admin.createTopic(NewTopic("output", partitions: Input.partitions))
            let sample = try Resources.sample(records: bench.records) {
                try Input.records.write(
                    records: bench.records,
                    to: bench.broker,
                    topic: "output",
                    acknowledgement: .durable
                )
            }
            try await bench.removeOutputs()
            return sample
        case .fetch: return try Resources.sample(records: bench.records) { try fetch() }
        }
    }

    private var bytes: Int { Int(bench.records) * Input.recordBytes }

    private func copyMemory() {
        let size = 1 << 20
        let source = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        defer {
            source.deallocate()
            target.deallocate()
        }
        source.initializeMemory(as: UInt8.self, repeating: 1)
        for number in 0..<bytes / size {
            source[0] = UInt8(truncatingIfNeeded: number)
            target.copyMemory(from: UnsafeRawBufferPointer(source))
        }
    }

    private func fetch() throws {
        var settings = ConsumerSettings()
        settings.isolation = .readCommitted
        let consumer = try bench.broker.connectConsumer(settings)
        defer { consumer.close() }
        let partitions = (0..<Input.partitions).map { TopicPartition(Input.records.rawValue, $0) }
        try consumer.assign(partitions)
        for partition in partitions { try consumer.seek(partition, to: 0) }
        var records: Int64 = 0
        while records < bench.records {
            for batch in try consumer.poll(timeout: .milliseconds(100)) {
                try batch.withEach { _ in records += 1 }
            }
        }
    }
}
