import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Round trips")
struct RoundTripTests {
    @Test("random records come back as they were", arguments: 0..<24 as Range<UInt64>)
    func random(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let records = (0..<Int.random(in: 1...40, using: &random)).map { _ in TestRecord.random(using: &random) }
        let compression: Compression = Bool.random(using: &random) ? .none : .gzip()
        let builder = RecordBatchBuilder(capacity: 16 << 20, compression: compression)
        for record in records { #expect(builder.append(record), "seed \(seed)") }
        #expect(builder.recordCount == records.count)
        #expect(builder.maxTimestamp == records.map(\.timestamp).max())

        let batch = try DecodedBatch(builder.sealed(), limit: 16 << 20)
        #expect(batch.records == records, "seed \(seed)")
        #expect(batch.offsets == (0..<Int64(records.count)).map { $0 }, "seed \(seed)")
        #expect(batch.header.maxTimestamp == records.map(\.timestamp).max(), "seed \(seed)")
        #expect(batch.header.baseTimestamp == records[0].timestamp, "seed \(seed)")
        #expect(batch.header.attributes.codec == compression.codec, "seed \(seed)")
    }

    @Test("timestamps at both ends of their range come back")
    func extremeTimestamps() throws {
        let records = [Int64.max, .min, -1, 0, .max, .min].map { TestRecord("k", "v", timestamp: $0) }
        #expect(try DecodedBatch(RecordBatchBuilder.batch(records)).records == records)
    }

    @Test("the greatest timestamp is not always the last one")
    func greatestTimestamp() throws {
        let records = [5, 9, 7].map { TestRecord("k", "v", timestamp: $0) }
        let header = try DecodedBatch(RecordBatchBuilder.batch(records)).header
        #expect(header.baseTimestamp == 5)
        #expect(header.maxTimestamp == 9)
    }

    @Test("header names repeat, and the last of a name is found; null is found as null")
    func headers() throws {
        let headers: RecordHeaders = [
            RecordHeader("a", text: "1"), RecordHeader("b", text: "2"), RecordHeader("a", text: "3"),
            RecordHeader("é", []), RecordHeader("b", nil), RecordHeader("", text: "no name"),
        ]
        let record = try #require(
            try DecodedBatch(RecordBatchBuilder.batch([TestRecord("k", "v", headers: headers)])).records.first
        )
        #expect(record.headers == headers)
        #expect(record.headers["a"] == Array("3".utf8))
        #expect(record.headers["b"] == nil)
        #expect(record.headers["é"] == [])
        #expect(record.headers[""] == Array("no name".utf8))
        #expect(record.headers["missing"] == nil)
    }

    @Test("a record without headers has no more of them than the count")
    func noHeaders() throws {
        let bytes = try RecordBatchBuilder.batch([
            TestRecord("k", "v"), TestRecord("k", "v", headers: [.init("h", nil)]),
        ])
        try bytes.withUnsafeBytes { bytes in
            let batch = try RecordBatch(reading: bytes)
            var cursor = RecordCursor(batch.header, records: batch.recordBytes)
            let without = try #require(try cursor.next())
            #expect(!without.hasHeaders)
            #expect(without.headers.count == 1)
            let with = try #require(try cursor.next())
            #expect(with.hasHeaders)
        }
    }
}

extension TestRecord {
    /// A record of any shape: null, empty, small, now and then up to 100 kB.
    static func random(using random: inout SeededRandom) -> TestRecord {
        func bytes() -> [UInt8]? {
            let count: Int
            switch Int.random(in: 0..<12, using: &random) {
            case 0: return nil
            case 1: count = 0
            case 2: count = Int.random(in: 60...70, using: &random)
            case 3: count = Int.random(in: 8_180...8_200, using: &random)
            case 4: count = Int.random(in: 0...100_000, using: &random)
            default: count = Int.random(in: 1...40, using: &random)
            }
            let salt = UInt8.random(in: 0...255, using: &random)
            return (0..<count).map { UInt8(truncatingIfNeeded: $0) ^ salt }
        }
        let headerCount = Bool.random(using: &random) ? 0 : Int.random(in: 1...5, using: &random)
        let headers = (0..<headerCount).map { number in
            RecordHeader(number % 2 == 0 ? "name" : "größe-\(number)", bytes().map { Array($0.prefix(300)) })
        }
        let timestamp = 1_700_000_000_000 + Int64.random(in: -100_000_000...100_000_000, using: &random)
        return TestRecord(bytes(), bytes(), timestamp: timestamp, headers: RecordHeaders(headers))
    }
}
