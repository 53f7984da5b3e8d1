import KafkaFixtures
import MillracePrimitives
import MillraceRecordFormat
import Testing

/// Valid batches, damaged at random, through everything that reads bytes. The checksum is not verified, so that damage
/// gets as far as it can.
///
/// A run fails if a reader traps, reads past the bytes (they end at a page that may not be read), hands out something
/// that lies outside of them, or never ends.
@Suite("Readers of damaged bytes")
struct ReaderFuzzTests {
    /// The batches that mutations start from: our own of every kind, and Kafka's.
    static func originals() throws -> [[UInt8]] {
        var random = SeededRandom(seed: 1)
        var records: [TestRecord] = []
        for number in 0..<8 {
            let key: String? = number % 3 == 0 ? nil : "key \(number)"
            let value = String(repeating: "v", count: Int.random(in: 0...90, using: &random))
            var record = TestRecord(key, value, timestamp: 1_700_000_000_000 + Int64(number * 1_000))
            if number % 2 == 1 { record.headers = [RecordHeader("näme", text: "value"), RecordHeader("null", nil)] }
            records.append(record)
        }
        let producer = ProducerIdentity(id: 7, epoch: 1)
        var appendTime = try RecordBatchBuilder.batch(records)
        appendTime.withUnsafeMutableBytes { RecordBatchHeader.stampAppendTime($0, timestamp: 1_800_000_000_000) }
        let own = [
            ByteLayoutTests.mixedBatch,
            appendTime,
            try RecordBatchBuilder.batch(records, producer: producer, baseSequence: .max - 2, isTransactional: true),
            EndTransactionMarker(.commit, coordinatorEpoch: 3).batch(for: producer, timestamp: 5),
            EndTransactionMarker(.abort, coordinatorEpoch: 3).batch(for: producer, timestamp: 5),
        ]
        let compressed = try [Compression.gzip(), .snappy, .lz4(), .zstd()].map {
            try RecordBatchBuilder.batch(records, compression: $0)
        }
        let names = [
            "codec-none-0", "codec-gzip-0", "codec-snappy-0", "codec-lz4-0", "codec-zstd-0", "compacted-txn-0",
        ]
        let kafka = try names.flatMap { name in
            let fixture = try KafkaFixture(name)
            return try fixture.seen.batches.prefix(2).map { try fixture.bytes(of: $0) }
        }
        return own + compressed + kafka
    }

    @Test("batches with random damage give values or typed errors", arguments: 0..<16 as Range<UInt64>)
    func damagedBatches(seed: UInt64) throws {
        let originals = try Self.originals()
        var random = SeededRandom(seed: seed)
        var run = ReaderFuzzRun()
        for step in 0..<600 {
            var bytes = originals[Int.random(in: originals.indices, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                Mutation.random(using: &random).apply(to: &bytes, others: originals, using: &random)
            }
            if let complaint = run.read(bytes) {
                Issue.record("seed \(seed), step \(step): \(complaint); bytes \(bytes)")
            }
        }
        #expect(run.values > 0, "seed \(seed): no mutation left anything readable")
        #expect(run.errors > 0, "seed \(seed): no mutation was noticed")
    }

    @Test(
        "records with random damage in an intact batch give values or typed errors",
        arguments: 100..<116 as Range<UInt64>
    )
    func damagedRecords(seed: UInt64) throws {
        let originals = try Self.originals()
        var random = SeededRandom(seed: seed)
        var run = ReaderFuzzRun()
        for step in 0..<600 {
            let original = originals[Int.random(in: originals.indices, using: &random)]
            var records = Array(original[RecordBatchHeader.size...])
            Mutation.random(using: &random).apply(to: &records, others: originals, using: &random)
            var bytes = Array(original[..<RecordBatchHeader.size] + records)
            bytes.store(Int32(bytes.count - RecordBatchHeader.lengthOverhead), at: RecordBatchHeader.Field.length)
            if let complaint = run.read(bytes) {
                Issue.record("seed \(seed), step \(step): \(complaint); bytes \(bytes)")
            }
        }
        #expect(run.values > 0, "seed \(seed): no mutation left anything readable")
        #expect(run.errors > 0, "seed \(seed): no mutation was noticed")
    }

    @Test("bytes that never were a batch give values or typed errors", arguments: 200..<204 as Range<UInt64>)
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var run = ReaderFuzzRun()
        for step in 0..<1_000 {
            // Small numbers come often: they make plausible lengths and counts.
            let top: UInt8 = Bool.random(using: &random) ? 255 : 12
            let count = Int.random(in: 0...160, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...top, using: &random) }
            if let complaint = run.read(bytes) ?? run.readNoise(bytes, using: &random) {
                Issue.record("seed \(seed), step \(step): \(complaint); bytes \(bytes)")
            }
        }
    }

    @Test("a batch whose checksum is verified is whole or refused", arguments: 300..<304 as Range<UInt64>)
    func verified(seed: UInt64) throws {
        let originals = try Self.originals()
        var random = SeededRandom(seed: seed)
        for step in 0..<600 {
            let original = originals[Int.random(in: originals.indices, using: &random)]
            var bytes = original
            Mutation.random(using: &random).apply(to: &bytes, others: originals, using: &random)
            let isWhole = withGuardedBytes(bytes) { bytes in
                guard let batch = try? RecordBatch(reading: bytes) else { return true }
                let covered = RecordBatchHeader.Field.checksum
                return originals.contains { $0[covered...].elementsEqual(batch.bytes[covered...]) }
            }
            if !isWhole { Issue.record("seed \(seed), step \(step): a damaged batch passed; bytes \(bytes)") }
        }
    }
}
