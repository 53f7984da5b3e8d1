import Foundation

/// Reads a file's lines in portions.
struct LineReader {
    /// A line without its end.
    struct Line: Sendable {
        var text: [UInt8]
        /// Whether a line feed follows in the file; not for the last line, nor for a part of a line that was cut.
        var hasNewline: Bool
    }

    private let handle: FileHandle
    private let maximum: Int
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false

    init(handle: FileHandle, maximum: Int) {
        self.handle = handle
        self.maximum = maximum
    }

    /// The next lines, up to `count`; fewer if no more are there now, none at the end.
    mutating func next(_ count: Int) throws -> [Line] {
        var lines: [Line] = []
        while lines.count < count {
            if let line = takeLine() {
                lines.append(line)
            } else if isAtEnd || !(lines.isEmpty) && isInteractive {
                break
            } else {
                try fill()
            }
        }
        return lines
    }

    /// What comes from a pipe or a terminal is passed on as it comes.
    private var isInteractive: Bool { handle === FileHandle.standardInput }

    private mutating func takeLine() -> Line? {
        let rest = buffer[position...]
        if let end = rest.prefix(maximum + 1).firstIndex(of: UInt8(ascii: "\n")) {
            defer { position = end + 1 }
            return Line(text: Array(buffer[position..<end]), hasNewline: true)
        }
        if rest.count > maximum {
            let window = rest.prefix(maximum)
            let end = window.lastIndex { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.map { $0 + 1 }
            let cut = end ?? window.endIndex
            defer { position = cut }
            return Line(text: Array(buffer[position..<cut]), hasNewline: false)
        }
        if isAtEnd, !rest.isEmpty {
            defer { position = buffer.count }
            return Line(text: Array(rest), hasNewline: false)
        }
        return nil
    }

    private mutating func fill() throws {
        buffer.removeFirst(position)
        position = 0
        // `availableData` returns what is there; a read of a fixed size would wait for a slow writer.
        let data = isInteractive ? handle.availableData : try handle.read(upToCount: 1 << 20) ?? Data()
        if data.isEmpty { isAtEnd = true } else { buffer.append(contentsOf: data) }
    }
}
