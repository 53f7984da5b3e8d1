import MillracePrimitives
import MillraceRecordFormat

/// A record that owns its bytes, to be compared with what comes back.
struct TestRecord: Equatable {
    var key: [UInt8]?
    var value: [UInt8]?
    var timestamp: Int64
    var headers: RecordHeaders

    init(_ key: [UInt8]?, _ value: [UInt8]?, timestamp: Int64 = 1_700_000_000_000, headers: RecordHeaders = []) {
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.headers = headers
    }

    init(_ key: String?, _ value: String?, timestamp: Int64 = 1_700_000_000_000, headers: RecordHeaders = []) {
        self.init(key.map { Array($0.utf8) }, value.map { Array($0.utf8) }, timestamp: timestamp, headers: headers)
    }

    init(_ view: RecordView) throws {
        key = view.key.map { [UInt8]($0) }
        value = view.value.map { [UInt8]($0) }
        timestamp = view.timestamp
        headers = try RecordHeaders(decoding: view.headers)
    }
}

extension RecordBatchBuilder {
    /// Appends a record and tells whether it fitted.
    @discardableResult
    func append(_ record: TestRecord) -> Bool {
        var headers = ByteWriter()
        if !record.headers.isEmpty { record.headers.encode(into: &headers) }
        let encoded = headers.array
        return record.key.withBytes { key in
            record.value.withBytes { value in
                encoded.withUnsafeBytes { headers in
                    append(key: key, value: value, timestamp: record.timestamp, headers: headers)
                }
            }
        }
    }

    /// A sealed batch of some records.
    static func batch(
        _ records: [TestRecord],
        compression: Compression = .none,
        producer: ProducerIdentity = .none,
        baseSequence: Int32 = -1,
        isTransactional: Bool = false
    ) throws -> [UInt8] {
        let builder = RecordBatchBuilder(capacity: 1 << 20, compression: compression)
        for record in records where !builder.append(record) { throw TestFailure("the records do not fit one batch") }
        return try builder.sealed(producer: producer, baseSequence: baseSequence, isTransactional: isTransactional)
    }

    /// Seals the batch and copies it: the builder's memory must not be used after the builder's last mention.
    func sealed(
        producer: ProducerIdentity = .none,
        baseSequence: Int32 = -1,
        isTransactional: Bool = false
    ) throws -> [UInt8] {
        try withExtendedLifetime(self) {
            [UInt8](try seal(producer: producer, baseSequence: baseSequence, isTransactional: isTransactional))
        }
    }
}

/// A batch that was read, with all of its records.
struct DecodedBatch {
    var header: RecordBatchHeader
    var records: [TestRecord] = []
    var offsets: [Int64] = []

    init(_ bytes: [UInt8], verifyingChecksum: Bool = true, limit: Int = 1 << 20) throws {
        self = try bytes.withUnsafeBytes {
            try DecodedBatch(RecordBatch(reading: $0, verifyingChecksum: verifyingChecksum), limit: limit)
        }
    }

    init(_ batch: RecordBatch, limit: Int = 1 << 20) throws {
        header = batch.header
        var views: [(Int64, TestRecord)] = []
        var decompressor = Decompressor(limit: limit)
        try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) in
            var cursor = RecordCursor(batch.header, records: records)
            while let view = try cursor.next() {
                // Copied here, since the views are valid during the call only.
                let headers = try RecordHeaders(decoding: view.headers)
                let (key, value) = (view.key.map { [UInt8]($0) }, view.value.map { [UInt8]($0) })
                views.append((view.offset, TestRecord(key, value, timestamp: view.timestamp, headers: headers)))
            }
            try cursor.finish()
        }
        offsets = views.map(\.0)
        records = views.map(\.1)
    }
}

/// Why a test cannot go on.
struct TestFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

extension [UInt8]? {
    /// The bytes in memory, or nil for null.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer?) throws -> Result) rethrows -> Result {
        guard let self else { return try body(nil) }
        return try self.withUnsafeBytes { try body($0) }
    }
}

extension [UInt8] {
    /// Bytes from hexadecimal digits, one field a line.
    init(hex lines: String...) {
        self = lines.flatMap { line in
            let digits = line.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }

    /// Overwrites bytes with an integer, big-endian.
    mutating func store<Integer: FixedWidthInteger>(_ value: Integer, at offset: Int) {
        withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Integer.self) }
    }

    /// Makes the batch's checksum right again after a change, as someone who forges a batch would.
    mutating func correctChecksum() {
        let covered = self[RecordBatchHeader.Field.attributes...]
        store(covered.withUnsafeBytes { CRC32C.checksum($0) }, at: RecordBatchHeader.Field.checksum)
    }
}
