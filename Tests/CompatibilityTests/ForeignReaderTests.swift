import Foundation
import KafkaFixtures
import MillraceLogStorage
import MillraceRecordFormat
import Testing

// Goal: what we write is read by readers that nobody here wrote. Method: partitions with everything that a batch can have
// are written to a real directory; kafka-python reads the files, and says what is in them.
@Suite(
    "Files of ours, read by kafka-python",
    .enabled(
        if: KafkaPython.isThere,
        "kafka-python is not installed: run scripts/prepare-python, which needs the network"
    ),
    .timeLimit(.minutes(5))
)
struct ForeignReaderTests {
    private func check(_ partition: WrittenPartition) throws {
        let seen = try KafkaPython.read(partition.folder.url)
        #expect(seen.records == partition.records)
        #expect(seen.batches.map(\.file) == partition.batches.map(\.file))
        for (seen, written) in zip(seen.batches, partition.batches) {
            #expect(seen == written, "the batch at offset \(written.baseOffset)")
        }
        #expect(Set(seen.batches.map(\.file)).count > 1, "several segments")
    }

    @Test("batches of every codec and level, with headers, nulls, transactions and markers")
    func everyCodec() throws {
        var partition = try WrittenPartition()
        let levels: [Compression] = [
            .none, .gzip(), .gzip(level: 1), .gzip(level: 9), .snappy, .lz4(), .lz4(level: 3), .lz4(level: 17), .zstd(),
            .zstd(level: -100), .zstd(level: 22),
        ]
        for compression in levels {
            try partition.write(compression, count: 1)
            try partition.write(compression, count: 40)
            try partition.write(compression, count: 25, valueSize: 4_000)
        }
        try partition.close()
        try check(partition)
    }

    @Test("batches that the log compressed", arguments: CompressionCodec.allCases)
    func topicCodec(codec: CompressionCodec) throws {
        var partition = try WrittenPartition { $0.compressionType = codec }
        for compression in [Compression.none, .gzip(), .zstd(), .lz4(), .snappy] {
            try partition.write(compression, count: 20, valueSize: 2_000)
        }
        try partition.close()
        try check(partition)
    }

    @Test("batches with the time at which they were appended")
    func appendTime() throws {
        var partition = try WrittenPartition {
            $0.timestampType = .logAppendTime
            $0.compressionType = .lz4
        }
        for _ in 0..<5 { try partition.write(.none, count: 25, valueSize: 2_000) }
        try partition.close()
        try check(partition)
    }
}
