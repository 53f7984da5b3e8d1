/// Rows of text in columns, for people.
public struct TextTable {
    private var rows: [[String]]

    /// Begins with a row of titles. Columns whose title begins with a blank are numbers, and end on the right.
    public init(_ titles: [String]) {
        rows = [titles]
    }

    /// The same, for titles that are known.
    public init(_ titles: String...) {
        self.init(titles)
    }

    /// Adds a row.
    public mutating func add(_ cells: [String]) {
        rows.append(cells)
    }

    /// The same, for cells one by one.
    public mutating func add(_ cells: String...) {
        add(cells)
    }

    /// The table, without a line break at its end.
    public var text: String {
        let columns = rows[0].count
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = (0..<columns).map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return rows[0][column].hasPrefix(" ") ? space + row[column] : row[column] + space
            }
            return cells.joined(separator: "  ").trimmingSuffix(" ")
        }.joined(separator: "\n")
    }
}

extension String {
    fileprivate func trimmingSuffix(_ character: Character) -> String {
        var text = self[...]
        while text.last == character { text.removeLast() }
        return String(text)
    }
}
