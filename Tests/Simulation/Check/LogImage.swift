import MillracePrimitives

/// What a partition's files hold, read without the engine: by a decoder of its own for record batches of format 2
/// (LE-01, LE-05), as a second witness of what the engine shows.
struct LogImage {
    enum Decision: Hashable {
        case commit
        case abort
    }

    struct StoredRecord: Hashable {
        var offset: Int64
        var key: String
        /// By this the model knows it.
        var value: String
        var isTombstone: Bool
    }

    struct StoredBatch {
        var baseOffset: Int64
        var lastOffset: Int64
        var producer: ProducerIdentity
        var baseSequence: Int32
        var isTransactional: Bool
        var isControl: Bool
        /// What a marker says; nil for data, and where only the header of a marker is left.
        var marker: Decision?
        /// What is left of it.
        var records: [StoredRecord]
        var values: [String] { records.map(\.value) }
        /// How a later marker has ended the batch's transaction; nil if none has.
        var decision: Decision?

        /// The number of the model's batch; nil if the values are not those of one.
        var number: Int? {
            guard let first = records.first?.value, let dot = first.firstIndex(of: ".") else { return nil }
            return Int(first[..<dot])
        }

        /// Whether readers of committed data get it, once the last stable offset has passed it.
        var isVisible: Bool { !isControl && (!isTransactional || decision == .commit) }
    }

    let partition: TopicPartition
    /// Whether records may be missing between others.
    let isCompacted: Bool
    private(set) var batches: [StoredBatch] = []
    /// Where the log ends.
    private(set) var endOffset: Int64 = 0
    /// What is wrong with the files themselves.
    private(set) var defects: [String] = []
    /// The offset of the first batch whose transaction is undecided, or the end.
    private(set) var stableOffset: Int64 = 0

    /// - Parameter files: the files in the partition's directory, by name.
    init(_ partition: TopicPartition, files: [String: [UInt8]]) {
        self.partition = partition
        isCompacted = Place.tables.contains(partition)
        let segments = files.filter { $0.key.hasSuffix(".log") }.sorted { $0.key < $1.key }
        for (index, segment) in segments.enumerated() {
            let base = Int64(segment.key.dropLast(4)) ?? -1
            if isCompacted ? base < endOffset : base != endOffset {
                defects.append("segment \(segment.key) follows offset \(endOffset)")
            }
            endOffset = max(endOffset, base)
            read(segment.value, isLast: index == segments.count - 1, segment.key)
        }
        decide()
    }

    private mutating func read(_ bytes: [UInt8], isLast: Bool, _ name: String) {
        var position = 0
        while position < bytes.count {
            var reader = BatchDecoder(bytes, at: position)
            guard let batch = reader.next() else {
                defects.append("\(name) has something at byte \(position) of \(bytes.count) that is no whole batch")
                return
            }
            let isWhole = batch.records.map(\.offset) == Array(batch.baseOffset..<batch.lastOffset + 1)
            if !isCompacted, !isWhole, !batch.isControl {
                defects.append("the batch at offset \(batch.baseOffset) lacks records")
            }
            if isCompacted ? batch.baseOffset < endOffset : batch.baseOffset != endOffset {
                defects.append("the batch after offset \(endOffset - 1) has offset \(batch.baseOffset)")
            }
            endOffset = batch.lastOffset + 1
            batches.append(batch)
            position = reader.position
        }
    }

    private mutating func decide() {
        var open: [Int64: [Int]] = [:]
        for index in batches.indices {
            let id = batches[index].producer.id
            if let marker = batches[index].marker {
                for earlier in open.removeValue(forKey: id) ?? [] { batches[earlier].decision = marker }
            } else if batches[index].isTransactional, !batches[index].isControl {
                open[id, default: []].append(index)
            }
        }
        stableOffset = open.values.joined().map { batches[$0].baseOffset }.min() ?? endOffset
    }

    /// The records that a reader of the level gets, by offset.
    func records(committedOnly: Bool) -> [StoredRecord] {
        batches.filter { batch in
            !batch.isControl && (!committedOnly || batch.isVisible && batch.baseOffset < stableOffset)
        }
        .flatMap(\.records)
    }

    /// The last committed record of each key that has a value.
    var table: [String: StoredRecord] {
        var table: [String: StoredRecord] = [:]
        for record in records(committedOnly: true) { table[record.key] = record.isTombstone ? nil : record }
        return table
    }
}

/// Decodes one batch of format 2 that is not compressed.
private struct BatchDecoder {
    private let bytes: [UInt8]
    private(set) var position: Int
    private var isBroken = false

    init(_ bytes: [UInt8], at position: Int) {
        self.bytes = bytes
        self.position = position
    }

    mutating func next() -> LogImage.StoredBatch? {
        let baseOffset = integer(8)
        let length = Int(integer(4))
        let end = position + length
        guard !isBroken, length >= 49, end <= bytes.count else { return nil }
        _ = integer(4)
        guard integer(1) == 2 else { return nil }
        let checksum = UInt32(truncatingIfNeeded: integer(4))
        guard Castagnoli.checksum(bytes[position..<end]) == checksum else { return nil }
        let attributes = integer(2)
        let lastDelta = integer(4)
        _ = integer(8)
        _ = integer(8)
        let id = integer(8)
        let epoch = Int16(truncatingIfNeeded: integer(2))
        let sequence = Int32(truncatingIfNeeded: integer(4))
        let count = integer(4)
        var batch = LogImage.StoredBatch(
            baseOffset: baseOffset,
            lastOffset: baseOffset + lastDelta,
            producer: ProducerIdentity(id: id, epoch: epoch),
            baseSequence: sequence,
            isTransactional: attributes & 0x10 != 0,
            isControl: attributes & 0x20 != 0,
            records: []
        )
        for _ in 0..<count {
            guard let (delta, key, value, header) = record() else { return nil }
            if attributes & 0x20 != 0 {
                guard let key, key.count == 4 else { return nil }
                batch.marker = key[key.startIndex + 3] == 1 ? .commit : .abort
            } else {
                guard let identity = header ?? value else { return nil }
                let offset = baseOffset + Int64(delta)
                guard offset > batch.records.last?.offset ?? baseOffset - 1, offset <= batch.lastOffset else {
                    return nil
                }
                batch.records.append(
                    LogImage.StoredRecord(
                        offset: offset,
                        key: String(decoding: key ?? [], as: UTF8.self),
                        value: String(decoding: identity, as: UTF8.self),
                        isTombstone: value == nil
                    )
                )
            }
        }
        return isBroken || position != end ? nil : batch
    }

    /// A record's offset after its batch's, key, value, and the name of its only header, if it has one.
    private mutating func record() -> (
        delta: Int, key: ArraySlice<UInt8>?, value: ArraySlice<UInt8>?, header: ArraySlice<UInt8>?
    )? {
        let length = varint()
        let end = position + length
        _ = integer(1)
        _ = varint()
        let delta = varint()
        let key = field()
        let value = field()
        let headerCount = varint()
        let header = headerCount == 1 ? field() : nil
        if headerCount == 1, field() != nil { return nil }
        guard !isBroken, headerCount <= 1, position == end else { return nil }
        return (delta, key, value, header)
    }

    private mutating func field() -> ArraySlice<UInt8>? {
        let count = varint()
        guard count >= 0 else { return nil }
        guard position + count <= bytes.count else {
            isBroken = true
            return nil
        }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// A big-endian integer with sign.
    private mutating func integer(_ size: Int) -> Int64 {
        guard position + size <= bytes.count else {
            isBroken = true
            return 0
        }
        var value: UInt64 = 0
        for byte in bytes[position..<position + size] { value = value << 8 | UInt64(byte) }
        position += size
        let unused = 64 - 8 * size
        return Int64(bitPattern: value << UInt64(unused)) >> Int64(unused)
    }

    /// A zigzag varint.
    private mutating func varint() -> Int {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count, shift < 64 {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return Int(Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)) }
            shift += 7
        }
        isBroken = true
        return 0
    }
}

/// CRC-32C by table.
private enum Castagnoli {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
    }

    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBufferPointer { bytes in
            table.withUnsafeBufferPointer { table in
                var crc = UInt32.max
                for byte in bytes { crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
                return ~crc
            }
        }
    }
}
