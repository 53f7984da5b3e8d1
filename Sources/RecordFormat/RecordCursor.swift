import MillracePrimitives

/// One record, as a view of the batch that it stands in; valid as long as the batch's bytes are.
public struct RecordView {
    /// The record's offset in its partition.
    public var offset: Int64
    /// Milliseconds since 1970.
    public var timestamp: Int64
    /// The key; nil is null, which is not the same as empty.
    public var key: UnsafeRawBufferPointer?
    /// The value; nil is null, which is not the same as empty.
    public var value: UnsafeRawBufferPointer?
    /// The headers as they are encoded, count included; `RecordHeaders(decoding:)` reads them. A record without
    /// headers has the one byte 0.
    public var headers: UnsafeRawBufferPointer

    @inlinable
    init(
        offset: Int64,
        timestamp: Int64,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        headers: UnsafeRawBufferPointer
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// Whether the record has headers.
    @inlinable
    public var hasHeaders: Bool { headers.count > 1 }
}

/// Walks over the records of one batch, in place.
///
/// Works on the uncompressed records that follow a batch's header. Every length is checked before it is used: damaged
/// bytes end the walk with an error, never with a trap or a read past the end. The bytes must outlive the cursor.
public struct RecordCursor {
    @usableFromInline var position: UnsafeRawPointer
    @usableFromInline let end: UnsafeRawPointer
    @usableFromInline let baseOffset: Int64
    @usableFromInline let baseTimestamp: Int64
    @usableFromInline let lastOffsetDelta: Int64
    /// The append time that every record has instead of its own, or `Int64.min`.
    @usableFromInline let appendTimestamp: Int64

    /// How many records are left.
    @usableFromInline private(set) package var remaining: Int
    @usableFromInline let count: Int
    /// When this many records are left, keys have been scouted up to here; at first that is now.
    @usableFromInline private(set) var scoutedUntil = Int.max

    /// A cursor before the first of the records in `records`, which must be uncompressed.
    public init(_ header: RecordBatchHeader, records: UnsafeRawBufferPointer) {
        self.init(
            records: records,
            recordCount: Int(header.recordCount),
            baseOffset: header.baseOffset,
            lastOffsetDelta: header.lastOffsetDelta,
            baseTimestamp: header.baseTimestamp,
            appendTimestamp: header.attributes.timestampType == .logAppendTime ? header.maxTimestamp : nil
        )
    }

    /// A cursor before the first of `recordCount` uncompressed records.
    package init(
        records: UnsafeRawBufferPointer,
        recordCount: Int,
        baseOffset: Int64,
        lastOffsetDelta: Int32,
        baseTimestamp: Int64,
        appendTimestamp: Int64?
    ) {
        // An empty buffer may have no address; any will do, since nothing is read from it.
        position = records.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        end = position + records.count
        self.baseOffset = baseOffset
        self.lastOffsetDelta = Int64(lastOffsetDelta)
        self.baseTimestamp = baseTimestamp
        self.appendTimestamp = appendTimestamp ?? Int64.min
        remaining = recordCount
        count = recordCount
    }

    /// The next record, or nil after the last.
    @inlinable @inline(__always)
    public mutating func next() throws(RecordFormatError) -> RecordView? {
        if let view = nextInCommonForm() { return view }
        return try nextInAnyForm()
    }

    /// The next record if it has no headers, no number of more than three bytes, and more bytes of its batch behind its
    /// beginning than the numbers before the key can take: one look at the bounds then stands for all of theirs. Nil, and
    /// nothing moves, if it has another form, is damaged, or if there is none.
    @inlinable @inline(__always)
    mutating func nextInCommonForm() -> RecordView? {
        var p = position
        guard remaining > 0, end - p >= RecordCursor.commonHeadSizeMax else { return nil }
        guard let length = RecordCursor.shortVarint(&p), length > 0, length <= end - p else { return nil }
        let recordEnd = p + Int(length)
        p += 1  // the record's attributes, unused
        guard let timestampDelta = RecordCursor.shortVarint(&p), let offsetDelta = RecordCursor.shortVarint(&p),
            offsetDelta >= 0, offsetDelta <= lastOffsetDelta,
            let keyLength = RecordCursor.shortVarint(&p), keyLength >= -1
        else { return nil }
        let keyStart = p
        p += max(Int(keyLength), 0)
        guard p < recordEnd, end - p >= RecordCursor.shortVarintSizeMax, let valueLength = RecordCursor.shortVarint(&p),
            valueLength >= -1
        else { return nil }
        let valueStart = p
        p += max(Int(valueLength), 0)
        guard recordEnd - p == 1, p.load(as: UInt8.self) == 0 else { return nil }
        position = recordEnd
        remaining &-= 1
        return RecordView(
            offset: baseOffset &+ offsetDelta,
            timestamp: appendTimestamp == Int64.min ? baseTimestamp &+ timestampDelta : appendTimestamp,
            key: keyLength < 0 ? nil : UnsafeRawBufferPointer(start: keyStart, count: Int(keyLength)),
            value: valueLength < 0 ? nil : UnsafeRawBufferPointer(start: valueStart, count: Int(valueLength)),
            headers: UnsafeRawBufferPointer(start: p, count: 1)
        )
    }

    /// The attributes, and before and after them the length, both deltas and the key's length.
    @inlinable static var commonHeadSizeMax: Int { 4 &* shortVarintSizeMax &+ 1 }
    @inlinable static var shortVarintSizeMax: Int { 3 }

    /// A number of up to three bytes, as many as can be read; nil if it has more.
    @inlinable @inline(__always)
    static func shortVarint(_ p: inout UnsafeRawPointer) -> Int64? {
        var bits = UInt64(p.load(as: UInt8.self))
        if _fastPath(bits < 0x80) {
            p += 1
        } else {
            let second = UInt64(p.load(fromByteOffset: 1, as: UInt8.self))
            bits = bits & 0x7f | second &<< 7
            if second < 0x80 {
                p += 2
            } else {
                let third = UInt64(p.load(fromByteOffset: 2, as: UInt8.self))
                guard third < 0x80 else { return nil }
                bits = bits & 0x3fff | third &<< 14
                p += 3
            }
        }
        return Int64(bitPattern: bits &>> 1) ^ -Int64(bitPattern: bits & 1)
    }

    /// The next record, whatever its form, or nil after the last.
    @usableFromInline @inline(never)
    mutating func nextInAnyForm() throws(RecordFormatError) -> RecordView? {
        guard remaining > 0 else { return nil }
        var p = position
        let length = try varint(&p)
        guard length >= 0, length <= end - p else { throw defect(.overrun) }
        let recordEnd = p + Int(length)
        guard length > 0 else { throw defect(.lengthMismatch) }
        p += 1  // the record's attributes, unused
        let timestampDelta = try varint(&p)
        let offsetDelta = try varint(&p)
        guard offsetDelta >= 0, offsetDelta <= lastOffsetDelta else { throw defect(.offsetDelta) }
        let key = try bytes(&p)
        let value = try bytes(&p)
        let headers = p
        if p < recordEnd, p.load(as: UInt8.self) == 0 {
            p += 1
        } else {
            p = try skipHeaders(p)
        }
        guard p == recordEnd else { throw defect(.lengthMismatch) }
        position = p
        remaining &-= 1
        return RecordView(
            offset: baseOffset &+ offsetDelta,
            timestamp: appendTimestamp == Int64.min ? baseTimestamp &+ timestampDelta : appendTimestamp,
            key: key,
            value: value,
            headers: UnsafeRawBufferPointer(start: headers, count: p - headers)
        )
    }

    /// Whether the keys of the next records were not scouted yet.
    @inlinable
    package var isScoutDue: Bool { remaining <= scoutedUntil }

    /// Skims the next records for their keys, without moving: what a store can use to fetch ahead from memory. Null keys
    /// are left out; the end of the batch, a record of an uncommon form and damaged bytes, which `next()` will complain
    /// about, end it early.
    ///
    /// - Parameter keys: takes as many keys as it has room for.
    /// - Returns: how many were found.
    package mutating func scout(_ keys: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>) -> Int {
        let range = min(keys.count, remaining)
        scoutedUntil = remaining - range
        var found = 0
        var p = position
        for _ in 0..<range {
            // Records of another form are left out with all that follow: a hint has nothing to complain about.
            guard end - p >= RecordCursor.commonHeadSizeMax, let length = RecordCursor.shortVarint(&p), length > 0,
                length <= end - p
            else { break }
            let recordEnd = p + Int(length)
            p += 1
            guard RecordCursor.shortVarint(&p) != nil, RecordCursor.shortVarint(&p) != nil,
                let keyLength = RecordCursor.shortVarint(&p), keyLength <= recordEnd - p
            else { break }
            if keyLength >= 0 {
                keys[found] = UnsafeRawBufferPointer(start: p, count: Int(keyLength))
                found += 1
            }
            p = recordEnd
        }
        return found
    }

    /// Fails if bytes are left after the last record.
    public func finish() throws(RecordFormatError) {
        guard remaining == 0, position == end else {
            throw .invalidRecord(index: count - remaining, reason: .trailingBytes)
        }
    }

    @inlinable @inline(__always)
    func bytes(_ p: inout UnsafeRawPointer) throws(RecordFormatError) -> UnsafeRawBufferPointer? {
        let length = try varint(&p)
        if length == -1 { return nil }
        guard length >= 0 else { throw defect(.negativeLength) }
        guard length <= end - p else { throw defect(.overrun) }
        let slice = UnsafeRawBufferPointer(start: p, count: Int(length))
        p += Int(length)
        return slice
    }

    @inlinable @inline(__always)
    func varint(_ p: inout UnsafeRawPointer) throws(RecordFormatError) -> Int64 {
        let available = end - p
        guard available > 0 else { throw defect(.overrun) }
        let first = UInt64(p.load(as: UInt8.self))
        if _fastPath(first < 0x80) {
            p += 1
            return Int64(bitPattern: first &>> 1) ^ -Int64(bitPattern: first & 1)
        }
        if available > 1 {
            let second = UInt64(p.load(fromByteOffset: 1, as: UInt8.self))
            if _fastPath(second < 0x80) {
                p += 2
                return Int64(bitPattern: (first & 0x7f) &>> 1 | second &<< 6) ^ -Int64(bitPattern: first & 1)
            }
        }
        return try longVarint(&p)
    }

    @usableFromInline
    func longVarint(_ p: inout UnsafeRawPointer) throws(RecordFormatError) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard p < end else { throw defect(.overrun) }
            let byte = p.load(as: UInt8.self)
            p += 1
            guard shift < 63 || byte <= 1 else { throw defect(.malformedVarint) }
            value |= UInt64(byte & 0x7f) &<< shift
            if byte & 0x80 == 0 { return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1) }
            shift &+= 7
            guard shift <= 63 else { throw defect(.malformedVarint) }
        }
    }

    @usableFromInline
    func skipHeaders(_ start: UnsafeRawPointer) throws(RecordFormatError) -> UnsafeRawPointer {
        var p = start
        let headerCount = try varint(&p)
        guard headerCount >= 0 else { throw defect(.negativeLength) }
        guard headerCount <= (end - p) / 2 else { throw defect(.overrun) }
        for _ in 0..<headerCount {
            for isName in [true, false] {
                let length = try varint(&p)
                if length == -1, !isName { continue }
                guard length >= 0 else { throw defect(.negativeLength) }
                guard length <= end - p else { throw defect(.overrun) }
                p += Int(length)
            }
        }
        return p
    }

    @usableFromInline
    func defect(_ reason: RecordDefect) -> RecordFormatError {
        .invalidRecord(index: count - remaining, reason: reason)
    }
}
