import MillracePrimitives

/// An open record batch: records are encoded straight into it, then it is sealed with its header and sent.
///
/// Reused for batch after batch; memory is taken once. Owned by one thread at a time.
public final class RecordBatchBuilder {
    /// The mutable state, behind a pointer so that the record loop pays for no exclusivity checks.
    @usableFromInline
    struct State {
        @usableFromInline var memory: UnsafeMutableRawPointer
        @usableFromInline var capacity: Int
        @usableFromInline var used: Int
        @usableFromInline var recordCount: Int32
        @usableFromInline var baseTimestamp: Int64
        @usableFromInline var maxTimestamp: Int64
    }

    @usableFromInline let state: UnsafeMutablePointer<State>
    private let compression: Compression
    private var compressed = ByteWriter(capacity: 16)

    /// Makes an empty batch of up to `capacity` bytes before compression; a single greater record still fits.
    public init(capacity: Int = 64 << 10, compression: Compression = .none) {
        let size = max(capacity, 128)
        self.compression = compression
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                memory: .allocate(byteCount: size, alignment: 16),
                capacity: size,
                used: RecordBatchHeader.size,
                recordCount: 0,
                baseTimestamp: -1,
                maxTimestamp: -1
            )
        )
    }

    deinit {
        state.pointee.memory.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Whether nothing was appended since the batch was made or reset.
    @inlinable
    public var isEmpty: Bool { state.pointee.recordCount == 0 }

    /// How many records were appended.
    @inlinable
    public var recordCount: Int { Int(state.pointee.recordCount) }

    /// The size so far in bytes, header included, before compression.
    @inlinable
    public var sizeInBytes: Int { state.pointee.used }

    /// The greatest timestamp so far; -1 for an empty batch.
    @inlinable
    public var maxTimestamp: Int64 { state.pointee.maxTimestamp }

    /// Appends a record, or returns false and does nothing if the batch is full: seal, send and reset it, then try
    /// again. A record always fits into an empty batch.
    ///
    /// - Parameters:
    ///   - key: the key; nil is null.
    ///   - value: the value; nil is null.
    ///   - timestamp: milliseconds since 1970.
    ///   - headers: encoded headers, count included; empty for none.
    @inlinable @inline(__always)
    @discardableResult
    public func append(
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        timestamp: Int64,
        headers: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) -> Bool {
        // Into locals: what is written through the memory's pointer might be the state itself, for all the compiler knows.
        let now = state.pointee
        let index = now.recordCount
        let timestampDelta = index == 0 ? 0 : timestamp &- now.baseTimestamp
        let keyCount = key?.count ?? 0
        let valueCount = value?.count ?? 0
        let headersCount = headers.count
        let keyLength = Varint.zigzag(key == nil ? -1 : Int64(keyCount))
        let valueLength = Varint.zigzag(value == nil ? -1 : Int64(valueCount))
        let time = Varint.zigzag(timestampDelta)
        let number = Varint.zigzag(Int64(index))
        let body =
            1 &+ Varint.size(unsigned: time) &+ Varint.size(unsigned: number) &+ Varint.size(unsigned: keyLength)
            &+ keyCount &+ Varint.size(unsigned: valueLength) &+ valueCount &+ max(headersCount, 1)
        let length = Varint.zigzag(Int64(body))
        let end = now.used &+ Varint.size(unsigned: length) &+ body
        if _slowPath(end > now.capacity || index == Int32.max) {
            guard index == 0 else { return false }
            grow(to: end)
        }

        var p = state.pointee.memory + now.used
        p += Varint.write(unsigned: length, to: p)
        p.storeBytes(of: 0, as: UInt8.self)
        p += 1
        p += Varint.write(unsigned: time, to: p)
        p += Varint.write(unsigned: number, to: p)
        p += Varint.write(unsigned: keyLength, to: p)
        if keyCount > 0, let source = key?.baseAddress {
            RawBytes.copy(source, to: p, count: keyCount)
            p += keyCount
        }
        p += Varint.write(unsigned: valueLength, to: p)
        if valueCount > 0, let source = value?.baseAddress {
            RawBytes.copy(source, to: p, count: valueCount)
            p += valueCount
        }
        if _slowPath(headersCount > 0), let source = headers.baseAddress {
            p.copyMemory(from: source, byteCount: headersCount)
        } else {
            p.storeBytes(of: 0, as: UInt8.self)
        }

        if index == 0 {
            state.pointee.baseTimestamp = timestamp
            state.pointee.maxTimestamp = timestamp
        } else if timestamp > now.maxTimestamp {
            state.pointee.maxTimestamp = timestamp
        }
        state.pointee.recordCount = index &+ 1
        state.pointee.used = end
        return true
    }

    @usableFromInline
    func grow(to size: Int) {
        let grown = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        grown.copyMemory(from: state.pointee.memory, byteCount: state.pointee.used)
        state.pointee.memory.deallocate()
        state.pointee.memory = grown
        state.pointee.capacity = size
    }

    /// Writes the header and returns the whole batch, with base offset 0 and no leader epoch: the log assigns both.
    ///
    /// The bytes are valid until the next call of `append`, `seal` or `reset`, and as long as the builder lives: whoever
    /// seals a builder that it does not store extends the builder's lifetime over the use of the bytes. The log may stamp
    /// offset and leader epoch into them. Fails if compression does, or if a single huge record made the batch larger
    /// than a batch may be.
    public func seal(
        producer: ProducerIdentity = .none,
        baseSequence: Int32 = -1,
        isTransactional: Bool = false
    ) throws(RecordFormatError) -> UnsafeMutableRawBufferPointer {
        let attributes = BatchAttributes(codec: compression.codec, isTransactional: isTransactional)
        guard compression.codec != .none else {
            try checkSize(state.pointee.used)
            return writeHeader(
                in: UnsafeMutableRawBufferPointer(start: state.pointee.memory, count: state.pointee.used),
                attributes,
                producer,
                baseSequence
            )
        }
        compressed.removeAll()
        compressed.append(zeros: RecordBatchHeader.size)
        try compression.compress(records, into: &compressed)
        try checkSize(compressed.count)
        return writeHeader(
            in: UnsafeMutableRawBufferPointer(mutating: compressed.bytes),
            attributes,
            producer,
            baseSequence
        )
    }

    private func checkSize(_ size: Int) throws(RecordFormatError) {
        let limit = RecordBatchHeader.lengthOverhead + RecordBatchHeader.maximumBatchSize
        guard size <= limit else { throw .batchTooLarge(size: size, limit: limit) }
    }

    /// Seals the batch as a control batch, which is never compressed and carries no sequence.
    package func sealControl(producer: ProducerIdentity) -> UnsafeMutableRawBufferPointer {
        writeHeader(
            in: UnsafeMutableRawBufferPointer(start: state.pointee.memory, count: state.pointee.used),
            BatchAttributes(isTransactional: true, isControl: true),
            producer,
            -1
        )
    }

    /// The records appended so far, uncompressed; valid until the builder is changed.
    package var records: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: state.pointee.memory + RecordBatchHeader.size,
            count: state.pointee.used - RecordBatchHeader.size
        )
    }

    private func writeHeader(
        in batch: UnsafeMutableRawBufferPointer,
        _ attributes: BatchAttributes,
        _ producer: ProducerIdentity,
        _ baseSequence: Int32
    ) -> UnsafeMutableRawBufferPointer {
        typealias Field = RecordBatchHeader.Field
        func store<Integer: FixedWidthInteger>(_ value: Integer, _ offset: Int) {
            batch.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Integer.self)
        }
        store(Int64(0), Field.baseOffset)
        store(Int32(batch.count - RecordBatchHeader.lengthOverhead), Field.length)
        store(Int32(-1), Field.leaderEpoch)
        store(Int8(2), Field.magic)
        store(attributes.rawValue, Field.attributes)
        store(max(state.pointee.recordCount - 1, 0), Field.lastOffsetDelta)
        store(state.pointee.baseTimestamp, Field.baseTimestamp)
        store(state.pointee.maxTimestamp, Field.maxTimestamp)
        store(producer.id, Field.producerId)
        store(producer.epoch, Field.producerEpoch)
        store(baseSequence, Field.baseSequence)
        store(state.pointee.recordCount, Field.recordCount)
        let covered = UnsafeRawBufferPointer(rebasing: batch[RecordBatchHeader.checksummedFrom...])
        store(CRC32C.checksum(covered), Field.checksum)
        return batch
    }

    /// Empties the batch and keeps its memory.
    @inlinable
    public func reset() {
        state.pointee.used = RecordBatchHeader.size
        state.pointee.recordCount = 0
        state.pointee.baseTimestamp = -1
        state.pointee.maxTimestamp = -1
    }
}
