import Millrace
import MillraceLogEngine
import MillraceLogStorage
import Testing

@Suite("Compression of what an application writes", .short)
struct CompressionTests {
    private func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .count(store: StoreOptions(name: "counts", isCached: false))
            .toStream().to("out", values: .int64)
        return try builder.build()
    }

    private func size(_ world: World, _ topic: String) throws -> Int64 {
        try world.broker.partition(TopicPartition(topic, 0)).log.sizeInBytes
    }

    @Test("outputs and changelogs are compressed as the configuration says", arguments: [Compression.zstd(), .lz4()])
    func outputs(compression: Compression) async throws {
        let records = (0..<500).map { (key: "key \($0 % 3)" as String?, value: "value" as String?) }
        var sizes: [Int64] = []
        for chosen in [Compression.none, compression] {
            let world = try await World(["in": 1, "out": 1])
            try await world.write(records)
            try await world.run(try topology()) { $0.compression = chosen }
            #expect(try await world.table(of: "out", .int64) == ["key 0": 167, "key 1": 167, "key 2": 166])
            #expect(try await world.table(of: "test-counts-changelog", .int64).count == 3)
            sizes += [try size(world, "out"), try size(world, "test-counts-changelog")]
        }
        #expect(sizes[2] < sizes[0] * 3 / 4, "\(sizes)")
        #expect(sizes[3] < sizes[1] * 3 / 4, "\(sizes)")
    }
}
