import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("What is not appended")
struct AppendChecksTests {
    let partition = LogFixture.partition

    private func append(_ bytes: [UInt8], to log: PartitionLog, _ origin: AppendOrigin = .client) throws {
        var bytes = bytes
        try bytes.withUnsafeMutableBytes { buffer in
            _ = try log.append(buffer, origin: origin, leaderEpoch: 0)
        }
    }

    @Test("a client's damaged batch is refused")
    func damaged() throws {
        let log = try LogFixture().open()
        var bytes = try TestBatch("abc").bytes
        bytes[70] ^= 1
        #expect(throws: LogError.self) { try append(bytes, to: log) }
        #expect(log.logEndOffset == 0)
    }

    @Test(
        "bytes that are no batch, or half of one, are refused whoever sends them",
        arguments: [
            AppendOrigin.client, .trusted, .coordinator,
        ]
    )
    func notABatch(origin: AppendOrigin) throws {
        let log = try LogFixture().open()
        let whole = try TestBatch("abc").bytes
        for bytes in [[], [1, 2, 3], Array(whole.dropLast()), whole + [0], [UInt8](repeating: 0, count: 100)] {
            #expect(throws: LogError.self, "\(bytes.count) bytes") { try append(bytes, to: log, origin) }
        }
        #expect(log.logEndOffset == 0)
        #expect(log.sizeInBytes == 0)
    }

    @Test("a control batch is refused whoever sends it")
    func control() throws {
        let log = try LogFixture().open()
        let bytes = EndTransactionMarker(.commit, coordinatorEpoch: 0)
            .batch(for: ProducerIdentity(id: 1, epoch: 0), timestamp: 0)
        #expect(throws: LogError.invalidRecord(partition, .controlBatch)) { try append(bytes, to: log) }
        #expect(throws: LogError.invalidRecord(partition, .controlBatch)) { try append(bytes, to: log, .trusted) }
    }

    @Test("a batch above max.message.bytes is refused")
    func tooLarge() throws {
        let log = try LogFixture { $0.maxMessageBytes = 100 }.open()
        let batch = TestBatch(String(repeating: "x", count: 100))
        let size = try batch.bytes.count
        #expect(
            throws: LogError.recordTooLarge(partition, sizeInBytes: size, limit: 100, setting: "max.message.bytes")
        ) {
            try log.append(batch)
        }
    }

    @Test("an append above segment.bytes is refused")
    func largerThanSegment() throws {
        let log = try LogFixture { $0.segmentBytes = 100 }.open()
        let batch = TestBatch(String(repeating: "x", count: 100))
        let size = try batch.bytes.count
        #expect(throws: LogError.recordTooLarge(partition, sizeInBytes: size, limit: 100, setting: "segment.bytes")) {
            try log.append(batch)
        }
    }

    @Test("a record without a key is refused by a compacted log, from a client")
    func keyless() throws {
        let log = try LogFixture { $0.cleanupPolicy = .compact }.open()
        try log.append(TestBatch("a").keyed("k"), origin: .client)
        #expect(throws: LogError.invalidRecord(partition, .missingKey(index: 0))) {
            try log.append(TestBatch("a"), origin: .client)
        }
    }

    @Test("a client's timestamp too far from the broker's clock is refused")
    func timestamps() throws {
        let fixture = LogFixture { $0.timestampBeforeMaxMs = 10_000 }
        let log = try fixture.open()
        let now = fixture.time.milliseconds
        for timestamp in [now + 3_600_001, now - 10_001] {
            let error = LogError.invalidTimestamp(
                partition,
                timestamp: timestamp,
                earliest: now - 10_000,
                latest: now + 3_600_000
            )
            #expect(throws: error) { try log.append(TestBatch("a").at(timestamp), origin: .client) }
        }
        try log.append(TestBatch("a").at(now + 3_600_000), origin: .client)
        try log.append(TestBatch("a").at(now - 10_000), origin: .client)
    }

    @Test("any timestamp of the past is taken by default")
    func oldTimestamps() throws {
        let log = try LogFixture().open()
        try log.append(TestBatch("a").at(0), origin: .client)
    }

    @Test("with LogAppendTime, records get the broker's time and a right checksum")
    func logAppendTime() throws {
        let fixture = LogFixture { $0.timestampType = .logAppendTime }
        let log = try fixture.open()
        let result = try log.append(TestBatch("a", "b").at(5).from(7, sequence: 0), origin: .client)
        #expect(result.appendTime == fixture.time.milliseconds)
        let first = result.appendTime
        fixture.time.advance(by: .seconds(5))
        #expect(try log.append(TestBatch("c").at(Int64.max - 1), origin: .client).appendTime == first + 5_000)
        #expect(try log.records().map(\.timestamp) == [first, first, first + 5_000])
        #expect(try log.append(TestBatch("a", "b").at(5).from(7, sequence: 0), origin: .client).appendTime == first)
        #expect(try log.offset(forTimestamp: first + 1)?.offset == 2)
    }

    @Test("settings are changed for appends to come")
    func updateConfiguration() throws {
        let log = try LogFixture().open()
        var settings = log.configuration
        settings.maxMessageBytes = 10
        log.updateConfiguration(settings)
        #expect(throws: LogError.self) { try log.append(TestBatch("a")) }
    }

    @Test("flush.messages flushes by itself")
    func flushMessages() throws {
        let log = try LogFixture { $0.flushMessages = 3 }.open()
        try log.append(TestBatch("a", "b"))
        #expect(log.durableEndOffset == 0)
        try log.append(TestBatch("c"))
        #expect(log.durableEndOffset == 3)
    }
}
