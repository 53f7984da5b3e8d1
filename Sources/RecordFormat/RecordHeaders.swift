import MillracePrimitives

/// A header of a record: a name, and bytes or null.
public struct RecordHeader: Hashable, Sendable {
    /// The header's name; names may repeat within a record.
    public var name: String
    /// The header's value; nil is null, which is not the same as empty.
    public var value: [UInt8]?

    /// Makes a header.
    public init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }

    /// Makes a header with UTF-8 text as its value.
    public init(_ name: String, text: String) {
        self.init(name, Array(text.utf8))
    }
}

/// The headers of a record in their order, encoded and decoded as Kafka does: a count, then name and value of each.
public struct RecordHeaders: Hashable, Sendable, ExpressibleByArrayLiteral, RandomAccessCollection {
    /// The headers.
    public var headers: [RecordHeader]

    /// Makes headers.
    public init(_ headers: [RecordHeader] = []) {
        self.headers = headers
    }

    /// Makes headers.
    public init(arrayLiteral elements: RecordHeader...) {
        self.init(elements)
    }

    /// The index of the first header.
    public var startIndex: Int { headers.startIndex }
    /// The index after the last header.
    public var endIndex: Int { headers.endIndex }
    /// The header at an index.
    public subscript(position: Int) -> RecordHeader { headers[position] }

    /// The value of the last header of this name, as Kafka's `lastHeader` gives it; nil if there is none or it is null.
    public subscript(name: String) -> [UInt8]? {
        headers.last { $0.name == name }.flatMap(\.value)
    }

    /// Appends a header.
    public mutating func append(_ header: RecordHeader) {
        headers.append(header)
    }

    /// Appends the encoded headers to a writer.
    public func encode(into writer: inout ByteWriter) {
        writer.append(varint: Int64(headers.count))
        for header in headers {
            writer.append(varint: Int64(header.name.utf8.count))
            writer.append(utf8: header.name)
            guard let value = header.value else {
                writer.append(varint: -1)
                continue
            }
            writer.append(varint: Int64(value.count))
            writer.append(value)
        }
    }

    /// Decodes the headers of a record, as `RecordView.headers` holds them.
    public init(decoding bytes: UnsafeRawBufferPointer) throws(RecordFormatError) {
        headers = []
        guard bytes.count > 0 else { return }
        var reader = ByteReader(bytes)
        do {
            let count = try reader.readVarint32()
            // Each header takes two bytes at least: a greater count is damage, and nothing is reserved for it.
            guard count >= 0, Int(count) <= reader.remaining / 2 else {
                throw RecordFormatError.invalidRecord(index: 0, reason: .overrun)
            }
            headers.reserveCapacity(Int(count))
            for _ in 0..<count {
                let nameLength = try reader.readVarint32()
                guard nameLength >= 0 else {
                    throw RecordFormatError.invalidRecord(index: 0, reason: .negativeLength)
                }
                let name = try reader.readString(Int(nameLength))
                let value = try reader.readVarintBytes()
                headers.append(RecordHeader(name, value.map { [UInt8]($0) }))
            }
            guard reader.isAtEnd else { throw RecordFormatError.invalidRecord(index: 0, reason: .trailingBytes) }
        } catch let error as RecordFormatError {
            throw error
        } catch {
            throw .invalidRecord(index: 0, reason: RecordDefect(error))
        }
    }
}

extension RecordDefect {
    init(_ error: any Error) {
        guard let error = error as? ByteReaderError else {
            self = .overrun
            return
        }
        switch error {
        case .truncated: self = .overrun
        case .malformedVarint: self = .malformedVarint
        case .invalidLength(_, let length): self = length < 0 ? .negativeLength : .overrun
        case .invalidUTF8: self = .headerName
        }
    }
}
