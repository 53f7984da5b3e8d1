import Foundation
import Millrace

/// Shows how far the work has come: a line that changes on a terminal, a line a second otherwise.
struct ProgressDisplay {
    private let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
    private let started = ContinuousClock.now
    private var lastShown: ContinuousClock.Instant?
    private var lastWords = 0

    mutating func show(lines: Int, progress: StreamsProgress, lag: Int64) {
        let now = ContinuousClock.now
        let sinceLast = lastShown.map { now - $0 } ?? (now - started)
        if let lastShown, !isTerminal, now - lastShown < .seconds(1) { return }
        let seconds = max(0.001, Double(sinceLast.components.attoseconds) / 1e18 + Double(sinceLast.components.seconds))
        let rate = Double(progress.recordsProcessed - lastWords) / seconds
        let text =
            "\(grouped(lines)) lines in, \(grouped(progress.recordsProcessed)) records processed, "
            + "\(grouped(Int(rate)))/s, \(grouped(progress.commits)) commits, lag \(grouped(Int(lag)))"
        write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n")
        lastShown = now
        lastWords = progress.recordsProcessed
    }

    /// Shows how it ended, and leaves the terminal on a new line.
    mutating func finish(lines: Int, progress: StreamsProgress, lag: Int64) {
        lastShown = nil
        lastWords = 0
        show(lines: lines, progress: progress, lag: lag)
        if isTerminal { write("\n") }
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}

/// A number with spaces between groups of three digits.
func grouped(_ number: Int) -> String {
    var digits = Array(String(abs(number)))
    var position = digits.count - 3
    while position > 0 {
        digits.insert(" ", at: position)
        position -= 3
    }
    return (number < 0 ? "-" : "") + String(digits)
}
