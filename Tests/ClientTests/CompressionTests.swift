import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@Suite("Compression from producer to consumer", .timeLimit(.minutes(2)))
struct CompressionTests {
    static let settings: [Compression] = [
        .none, .gzip(), .gzip(level: 1), .snappy, .lz4(), .lz4(level: 12), .zstd(), .zstd(level: -5), .zstd(level: 19),
    ]

    /// The codecs of the batches that a partition's file holds.
    private func codecs(_ world: ClientWorld, _ topic: String) throws -> [CompressionCodec?] {
        try (world.disk.bytes(of: world.log(topic)) ?? []).withUnsafeBytes { bytes in
            var walk = RecordBatches(bytes)
            var codecs: [CompressionCodec?] = []
            while let batch = try walk.next() {
                if !batch.header.attributes.isControl { codecs.append(batch.header.attributes.codec) }
            }
            return codecs
        }
    }

    @Test("a producer's codec and level reach the log, and a consumer reads it", arguments: settings)
    func producer(compression: Compression) async throws {
        let world = try ClientWorld(NewTopic("t"))
        let producer = try await world.producer { $0.compression = compression }
        let values = (0..<20).map { "value \($0)" }
        for value in values { try await producer.send(record(value)) }
        await producer.close()
        #expect(try codecs(world, "t").allSatisfy { $0 == compression.codec })
        #expect(try await world.values("t") == values)
    }

    @Test("a topic's codec comes before the producer's", arguments: CompressionCodec.allCases)
    func topic(codec: CompressionCodec) async throws {
        let name = codec == .none ? "uncompressed" : codec.description
        let world = try ClientWorld(NewTopic("t", configuration: ["compression.type": name]))
        let producer = try await world.producer { $0.compression = codec == .lz4 ? .gzip() : .lz4() }
        for value in ["a", "b", "c"] { try await producer.send(record(value)) }
        await producer.close()
        #expect(try codecs(world, "t").allSatisfy { $0 == codec })
        #expect(try await world.values("t") == ["a", "b", "c"])
    }

    @Test("transactions work on a topic with a codec of its own")
    func transactions() async throws {
        let world = try ClientWorld(NewTopic("t", configuration: ["compression.type": "zstd"]))
        let producer = try await world.transactional("x")
        try await producer.withTransaction { transaction in
            try await transaction.enqueue(record("kept"))
        }
        struct Stop: Error {}
        await #expect(throws: Stop.self) {
            try await producer.withTransaction { transaction in
                try await transaction.enqueue(record("dropped"))
                throw Stop()
            }
        }
        await producer.close()
        #expect(try await world.values("t") == ["kept"])
        #expect(try codecs(world, "t").allSatisfy { $0 == .zstd })
    }
}
