import MillracePrimitives

/// Reads the fields of one schema from bytes, in classic or flexible (compact) encoding, and says in each error which
/// schema it was.
///
/// Every length is checked against what follows before anything is allocated for it. Bytes after the last known field
/// are left alone, as Kafka does. Source: Kafka protocol guide, "Protocol Primitive Types"; KIP-482.
struct SchemaReader {
    private var reader: ByteReader
    let schema: CoordinatorSchema
    /// Whether lengths are compact and structures end in tagged fields.
    var isFlexible = false

    init(_ bytes: UnsafeRawBufferPointer, _ schema: CoordinatorSchema) {
        reader = ByteReader(bytes)
        self.schema = schema
    }

    /// Whether everything was read.
    var isAtEnd: Bool { reader.isAtEnd }

    private mutating func read<Value>(
        _ body: (inout ByteReader) throws(ByteReaderError) -> Value
    ) throws(CoordinatorRecordError) -> Value {
        do {
            return try body(&reader)
        } catch {
            throw .unreadable(schema: schema, error)
        }
    }

    private func invalidLength(_ length: Int64) -> CoordinatorRecordError {
        .unreadable(schema: schema, .invalidLength(offset: reader.offset, length: length))
    }

    func invalid(_ field: String, _ value: some BinaryInteger) -> CoordinatorRecordError {
        .invalidField(schema: schema, field: field, value: Int64(clamping: value))
    }

    mutating func integer<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self
    ) throws(CoordinatorRecordError) -> Integer {
        try read { reader throws(ByteReaderError) in try reader.readInteger(type) }
    }

    /// A length that is not longer than what follows; nil for null.
    private mutating func length<Classic: FixedWidthInteger>(
        classic: Classic.Type
    ) throws(CoordinatorRecordError) -> Int? {
        if isFlexible {
            // One more than the length, 0 for null.
            let raw = try read { reader throws(ByteReaderError) in try reader.readUnsignedVarint() }
            if raw == 0 { return nil }
            guard raw - 1 <= UInt64(reader.remaining) else { throw invalidLength(Int64(clamping: raw - 1)) }
            return Int(raw - 1)
        }
        let length = Int64(try integer(classic))
        if length == -1 { return nil }
        guard length >= 0, length <= Int64(reader.remaining) else { throw invalidLength(length) }
        return Int(length)
    }

    private func require<Value>(_ value: Value?) throws(CoordinatorRecordError) -> Value {
        guard let value else { throw invalidLength(-1) }
        return value
    }

    mutating func nullableString() throws(CoordinatorRecordError) -> String? {
        guard let length = try length(classic: Int16.self) else { return nil }
        return try read { reader throws(ByteReaderError) in try reader.readString(length) }
    }

    mutating func string() throws(CoordinatorRecordError) -> String {
        try require(try nullableString())
    }

    mutating func nullableBytes() throws(CoordinatorRecordError) -> [UInt8]? {
        guard let length = try length(classic: Int32.self) else { return nil }
        return [UInt8](try read { reader throws(ByteReaderError) in try reader.readBytes(length) })
    }

    mutating func bytes() throws(CoordinatorRecordError) -> [UInt8] {
        try require(try nullableBytes())
    }

    /// An array whose elements take at least one byte each; nil for null.
    mutating func nullableArray<Element>(
        _ element: (inout SchemaReader) throws(CoordinatorRecordError) -> Element
    ) throws(CoordinatorRecordError) -> [Element]? {
        guard let count = try length(classic: Int32.self) else { return nil }
        // No capacity is reserved: an element is larger in memory than the byte that was checked.
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try element(&self)) }
        return elements
    }

    mutating func array<Element>(
        _ element: (inout SchemaReader) throws(CoordinatorRecordError) -> Element
    ) throws(CoordinatorRecordError) -> [Element] {
        try require(try nullableArray(element))
    }

    /// The end of a structure: in a flexible version its tagged fields, each handed to `body` with its tag. What `body`
    /// does not read of a field is skipped, and so is a field that it does not know.
    mutating func taggedFields(
        _ body: (_ tag: UInt64, _ field: inout SchemaReader) throws(CoordinatorRecordError) -> Void = { _, _ in }
    ) throws(CoordinatorRecordError) {
        guard isFlexible else { return }
        let count = try read { reader throws(ByteReaderError) in try reader.readUnsignedVarint() }
        guard count <= UInt64(reader.remaining) else { throw invalidLength(Int64(clamping: count)) }
        for _ in 0..<count {
            let tag = try read { reader throws(ByteReaderError) in try reader.readUnsignedVarint() }
            let size = try read { reader throws(ByteReaderError) in try reader.readUnsignedVarint() }
            guard size <= UInt64(reader.remaining) else { throw invalidLength(Int64(clamping: size)) }
            let slice = try read { reader throws(ByteReaderError) in try reader.readBytes(Int(size)) }
            var field = SchemaReader(slice, schema)
            field.isFlexible = true
            try body(tag, &field)
        }
    }

    /// Topics with their partition numbers, as most schemas list partitions.
    mutating func topicPartitions() throws(CoordinatorRecordError) -> [TopicPartition] {
        try nullableTopicPartitions() ?? []
    }

    mutating func nullableTopicPartitions() throws(CoordinatorRecordError) -> [TopicPartition]? {
        let topics = try nullableArray { reader throws(CoordinatorRecordError) in
            let topic = try reader.string()
            let partitions = try reader.array { reader throws(CoordinatorRecordError) in
                try reader.integer(Int32.self)
            }
            try reader.taggedFields()
            return partitions.map { TopicPartition(topic, $0) }
        }
        return topics.map { $0.flatMap { $0 } }
    }
}
