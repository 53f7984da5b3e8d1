/// What was measured, as a table for people.
package struct Table {
    let outcomes: [Outcome]

    package init(_ outcomes: [Outcome]) { self.outcomes = outcomes }

    package func text() -> String {
        let titles = [
            "workload", "promise", "threads", "commit ms", "records/s", "slowest", "fastest", "spread", "CPU s",
            "per CPU s", "peak MB", "commits", "of floor",
        ]
        var lines = [titles]
        for outcome in outcomes {
            guard let median = outcome.samples.median, let slowest = outcome.samples.slowest,
                let fastest = outcome.samples.fastest
            else { continue }
            lines.append([
                outcome.workload, outcome.guarantee, "\(outcome.threads)",
                outcome.commitMs > 0 ? "\(outcome.commitMs)" : "-",
                Self.grouped(median.recordsPerSecond), Self.grouped(slowest.recordsPerSecond),
                Self.grouped(fastest.recordsPerSecond), "\(Int((outcome.samples.spread * 100).rounded())) %",
                Self.decimal(median.cpuSeconds), Self.grouped(median.recordsPerCPUSecond),
                median.peakBytes > 0 ? Self.grouped(Double(median.peakBytes >> 20)) : "-", "\(median.commits)",
                outcome.ratioToFloor.map(Self.decimal) ?? "-",
            ])
        }
        return Self.text(lines, textColumns: 2)
    }

    /// Lines of cells in columns, the first of them text and the others numbers.
    package static func text(_ lines: [[String]], textColumns: Int) -> String {
        let columns = lines.first?.indices ?? 0..<0
        let widths = columns.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column < textColumns ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// A whole number with its thousands apart.
    package static func grouped(_ number: Double) -> String {
        var digits = Array(String(Int(number.rounded())))
        var position = digits.count - 3
        while position > 0 {
            digits.insert(" ", at: position)
            position -= 3
        }
        return String(digits)
    }

    /// A number with two decimals.
    package static func decimal(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
