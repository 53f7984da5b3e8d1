import Millrace

/// A row of a few columns, written one after the other: numbers in 8 bytes, big-endian, texts after their length.
package protocol Columns: Hashable, Sendable, SendableMetatype {
    func write(to writer: inout ByteWriter)
    init(from reader: inout ColumnReader) throws
}

extension Serde where Value: Columns {
    /// For rows of columns.
    package static var columns: Serde<Value> {
        Serde(
            encode: { row, writer in row.write(to: &writer) },
            decode: { bytes in
                try bytes.withUnsafeBytes { bytes throws in
                    var reader = ColumnReader(bytes)
                    return try Value(from: &reader)
                }
            }
        )
    }
}

extension ByteWriter {
    /// Appends a text after its length in two bytes.
    mutating func append(text: String) {
        var text = text
        text.withUTF8 { text in
            append(UInt16(truncatingIfNeeded: text.count))
            append(UnsafeRawBufferPointer(text))
        }
    }

    /// Appends the number of rows in two bytes, and the rows.
    mutating func append(rows: [some Columns]) {
        append(UInt16(truncatingIfNeeded: rows.count))
        for row in rows { row.write(to: &self) }
    }

    /// Appends a byte that says whether there is a row, and the row.
    mutating func append(optional row: (some Columns)?) {
        append(row == nil ? UInt8(0) : 1)
        row?.write(to: &self)
    }
}

/// Reads columns, checking their lengths.
package struct ColumnReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type) throws -> Integer {
        let size = MemoryLayout<Integer>.size
        guard size <= bytes.count - offset else { throw SerdeError.invalid("a row ends within a number") }
        defer { offset += size }
        return Integer(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    package mutating func int64() throws -> Int64 { try integer(Int64.self) }

    /// The bytes of a text.
    package mutating func textBytes() throws -> UnsafeRawBufferPointer {
        let count = Int(try integer(UInt16.self))
        guard count <= bytes.count - offset else { throw SerdeError.invalid("a row ends within a text") }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    package mutating func text() throws -> String { String(decoding: try textBytes(), as: UTF8.self) }

    /// So many texts, as they are.
    package mutating func texts(_ count: Int) throws -> TextColumns {
        let start = offset
        for _ in 0..<count { _ = try textBytes() }
        return TextColumns(bytes: [UInt8](UnsafeRawBufferPointer(rebasing: bytes[start..<offset])))
    }

    package mutating func rows<Row: Columns>(_: Row.Type = Row.self) throws -> [Row] {
        let count = Int(try integer(UInt16.self))
        var rows: [Row] = []
        for _ in 0..<count { rows.append(try Row(from: &self)) }
        return rows
    }

    package mutating func optional<Row: Columns>(_: Row.Type = Row.self) throws -> Row? {
        try integer(UInt8.self) == 0 ? nil : try Row(from: &self)
    }
}
