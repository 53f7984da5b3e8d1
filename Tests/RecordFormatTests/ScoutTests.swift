import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Scouting the keys of the next records")
struct ScoutTests {
    @Test("gives the keys that come, without the null ones, and moves nothing")
    func keys() throws {
        let keys = ["a", nil, "", "key", "a longer key, of more than sixty-three bytes, so that its length takes two"]
        let batch = try RecordBatchBuilder.batch(
            keys.map { TestRecord($0, "value", headers: [RecordHeader("h", [1])]) }
        )
        try batch.withUnsafeBytes { bytes in
            let batch = try RecordBatch(reading: bytes)
            var cursor = RecordCursor(
                batch.header,
                records: UnsafeRawBufferPointer(rebasing: bytes[RecordBatchHeader.size...])
            )
            #expect(cursor.isScoutDue)
            #expect(cursor.scoutedKeys() == keys.compactMap(\.self).map { Array($0.utf8) })
            #expect(!cursor.isScoutDue)
            #expect(try cursor.next()?.key.map { Array($0) } == Array("a".utf8))
        }
    }

    @Test("is due again when the records that it saw are passed")
    func due() throws {
        let batch = try RecordBatchBuilder.batch((0..<5).map { TestRecord("key \($0)", nil) })
        try batch.withUnsafeBytes { bytes in
            let batch = try RecordBatch(reading: bytes)
            var cursor = RecordCursor(
                batch.header,
                records: UnsafeRawBufferPointer(rebasing: bytes[RecordBatchHeader.size...])
            )
            var seen: [[[UInt8]]] = []
            repeat {
                if cursor.isScoutDue, cursor.remaining > 0 { seen.append(cursor.scoutedKeys(atMost: 2)) }
            } while try cursor.next() != nil
            #expect(seen.map(\.count) == [2, 2, 1])
            #expect(seen.joined().map { String(decoding: $0, as: UTF8.self) } == (0..<5).map { "key \($0)" })
        }
    }
}

extension RecordCursor {
    /// The keys of the next records, copied.
    mutating func scoutedKeys(atMost maximum: Int = 16) -> [[UInt8]] {
        let keys = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: maximum)
        defer { keys.deallocate() }
        keys.initialize(repeating: UnsafeRawBufferPointer(start: nil, count: 0))
        return keys[..<scout(keys)].map { [UInt8]($0) }
    }
}
