import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Control records")
struct EndTransactionMarkerTests {
    private func marker(_ key: String?, _ value: String?) throws -> EndTransactionMarker? {
        let record = TestRecord(key.map { [UInt8](hex: $0) }, value.map { [UInt8](hex: $0) })
        let batch = try RecordBatchBuilder.batch([record])
        return try withGuardedBytes(Array(batch[RecordBatchHeader.size...])) { bytes in
            var cursor = RecordCursor(
                records: bytes,
                recordCount: 1,
                baseOffset: 0,
                lastOffsetDelta: 0,
                baseTimestamp: 0,
                appendTimestamp: nil
            )
            return try EndTransactionMarker(#require(try cursor.next()))
        }
    }

    @Test("commit and abort are told apart, with the coordinator's epoch")
    func types() throws {
        #expect(try marker("0000 0001", "0000 00000009") == EndTransactionMarker(.commit, coordinatorEpoch: 9))
        #expect(try marker("0000 0000", "0000 ffffffff") == EndTransactionMarker(.abort, coordinatorEpoch: -1))
    }

    @Test("a later version may append fields")
    func laterVersion() throws {
        let expected = EndTransactionMarker(.commit, coordinatorEpoch: 2)
        #expect(try marker("0001 0001 ff", "0001 00000002 aabb") == expected)
    }

    @Test("other control records are not markers", arguments: ["0000 0002", "0000 0003", "0000 ffff", "0000 7fff"])
    func otherTypes(key: String) throws {
        #expect(try marker(key, "0000 00000000") == nil)
    }

    @Test(
        "damage is a typed error that says what is wrong",
        arguments: [
            (nil, "0000 00000000", "its key is null"),
            ("", "0000 00000000", "it is too short"),
            ("0000 00", "0000 00000000", "it is too short"),
            ("ffff 0001", "0000 00000000", "key version -1"),
            ("0000 0001", nil, "its value is null"),
            ("0000 0001", "", "it is too short"),
            ("0000 0001", "0000 000000", "it is too short"),
            ("0000 0001", "8000 00000000", "value version -32768"),
        ] as [(String?, String?, String)]
    )
    func damage(key: String?, value: String?, reason: String) {
        #expect(throws: RecordFormatError.invalidControlRecord(reason)) { try marker(key, value) }
    }
}
