/// What was measured, as a table for people.
struct Table {
    /// A line of the table.
    struct Row {
        var workload: String
        var promise: String
        var threads: String
        var samples: Samples
        /// The median of the floor's runs in the same session.
        var floor: Samples
    }

    var rows: [Row] = []
    /// The bytes of one record, key and value.
    static let recordBytes = 108

    func text() -> String {
        let titles = [
            "workload", "promise", "threads", "records/s", "spread", "MB/s", "CPU s", "peak MB", "commits", "of floor",
        ]
        var lines = [titles]
        for row in rows {
            guard let median = row.samples.median, let slowest = row.samples.slowest, let fastest = row.samples.fastest
            else { continue }
            let spread = (fastest.recordsPerSecond - slowest.recordsPerSecond) / median.recordsPerSecond
            let ratio = row.floor.median.map { median.recordsPerSecond / $0.recordsPerSecond }
            lines.append([
                row.workload, row.promise, row.threads, grouped(Int(median.recordsPerSecond)),
                "\(Int((spread * 100).rounded())) %",
                grouped(Int(median.recordsPerSecond * Double(Self.recordBytes) / 1e6)), decimal(median.cpuSeconds),
                median.peakBytes > 0 ? grouped(median.peakBytes >> 20) : "-", "\(median.commits)",
                ratio.map(decimal) ?? "-",
            ])
        }
        let widths = titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column < 2 ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private func grouped(_ number: Int) -> String {
        var digits = Array(String(number))
        var position = digits.count - 3
        while position > 0 {
            digits.insert(" ", at: position)
            position -= 3
        }
        return String(digits)
    }

    private func decimal(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
