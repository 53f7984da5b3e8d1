/// Several texts in one run of bytes: each becomes a `String` only when somebody asks for it, and all are copied at once.
///
/// Before each text stands its length in bytes, in two bytes.
package struct TextColumns: Hashable, Sendable {
    package private(set) var bytes: [UInt8]

    /// Three texts of which nobody asked.
    static let notRead = TextColumns("", "", "")

    package init(bytes: [UInt8] = []) { self.bytes = bytes }

    package init(_ columns: String...) {
        bytes = []
        for column in columns { append(column) }
    }

    package mutating func append(_ column: String) {
        let column = column.utf8
        bytes.append(UInt8(truncatingIfNeeded: column.count >> 8))
        bytes.append(UInt8(truncatingIfNeeded: column.count))
        bytes.append(contentsOf: column)
    }

    /// The text of a column; empty if the event was read without its text.
    package subscript(column: Int) -> String {
        bytes.withUnsafeBytes { bytes in
            var reader = ColumnReader(bytes)
            do {
                for _ in 0..<column { _ = try reader.textBytes() }
                return try reader.text()
            } catch { return "" }
        }
    }
}
