/// A file of the repository. For Swift and C the lines are also there as code alone, with comments and the contents
/// of string literals blanked, and as comments alone; so a rule about code never trips over prose.
struct SourceText {
    let path: String
    let lines: [String]
    /// The lines without comments and literals; the columns stay where they are.
    let code: [String]
    /// What the comments on each line say.
    let comments: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard path.hasSuffix(".swift") || path.hasSuffix(".c") || path.hasSuffix(".h") else {
            code = lines
            comments = lines.map { _ in "" }
            return
        }
        var scanner = CodeScanner(text: text)
        scanner.scan()
        code = scanner.code.split(separator: "\n")
        comments = scanner.comments.split(separator: "\n")
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isMarkdown: Bool { path.hasSuffix(".md") }

    /// Whether the file is in one of the folders, given as paths that end in a slash.
    func isIn(_ folders: String...) -> Bool { folders.contains { path.hasPrefix($0) } }

    func violation(_ line: Int, _ message: String) -> Violation {
        Violation(path: path, line: line + 1, message: message)
    }
}

extension [UInt8] {
    fileprivate func split(separator: Character) -> [String] {
        String(decoding: self, as: UTF8.self).split(separator: separator, omittingEmptySubsequences: false)
            .map(String.init)
    }
}

/// Tells code, comments and string literals apart, in Swift and well enough in C.
private struct CodeScanner {
    private let bytes: [UInt8]
    private var at = 0
    private(set) var code: [UInt8] = []
    private(set) var comments: [UInt8] = []

    init(text: String) {
        bytes = Array(text.utf8)
        code.reserveCapacity(bytes.count)
        comments.reserveCapacity(bytes.count)
    }

    mutating func scan() {
        while at < bytes.count { scanCode(untilParenthesis: false) }
    }

    private enum Destination { case code, comment, nowhere }

    /// Moves one byte to where it belongs and blanks it elsewhere; a line break belongs everywhere.
    private mutating func take(_ destination: Destination) {
        let byte = bytes[at]
        let isBreak = byte == UInt8(ascii: "\n")
        code.append(isBreak || destination == .code ? byte : UInt8(ascii: " "))
        comments.append(isBreak || destination == .comment ? byte : UInt8(ascii: " "))
        at += 1
    }

    private func isNext(_ token: StaticString) -> Bool {
        guard at + token.utf8CodeUnitCount <= bytes.count else { return false }
        for index in 0..<token.utf8CodeUnitCount where bytes[at + index] != token.utf8Start[index] { return false }
        return true
    }

    private mutating func take(_ count: Int, _ destination: Destination) {
        for _ in 0..<count where at < bytes.count { take(destination) }
    }

    /// Code up to the end of the text, or up to the parenthesis that ends an interpolation.
    private mutating func scanCode(untilParenthesis: Bool) {
        var depth = 0
        while at < bytes.count {
            if isNext("//") {
                while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { take(.comment) }
            } else if isNext("/*") {
                scanBlockComment()
            } else if let hashes = literalStart() {
                scanLiteral(hashes: hashes)
            } else if isNext("'\"'") {
                take(3, .code)
            } else {
                if isNext("(") { depth += 1 }
                if isNext(")") {
                    depth -= 1
                    if untilParenthesis, depth < 0 { return }
                }
                take(.code)
            }
        }
    }

    private mutating func scanBlockComment() {
        var depth = 0
        repeat {
            if isNext("/*") {
                depth += 1
                take(2, .comment)
            } else if isNext("*/") {
                depth -= 1
                take(2, .comment)
            } else {
                take(.comment)
            }
        } while depth > 0 && at < bytes.count
    }

    /// The number of `#` before the quote of a literal that starts here.
    private func literalStart() -> Int? {
        var index = at
        while index < bytes.count, bytes[index] == UInt8(ascii: "#") { index += 1 }
        return index < bytes.count && bytes[index] == UInt8(ascii: "\"") ? index - at : nil
    }

    private mutating func scanLiteral(hashes: Int) {
        take(hashes, .code)
        let isMultiline = isNext("\"\"\"")
        let quotes = isMultiline ? 3 : 1
        take(quotes, .code)
        while at < bytes.count {
            if !isMultiline, isNext("\n") { return }
            if isNext("\\"), areHashes(after: 1, hashes) {
                take(1 + hashes, .nowhere)
                if isNext("(") {
                    take(.code)
                    scanCode(untilParenthesis: true)
                    if at < bytes.count { take(.code) }
                } else if at < bytes.count {
                    take(.nowhere)
                }
            } else if isMultiline ? isNext("\"\"\"") : isNext("\""), areHashes(after: quotes, hashes) {
                take(quotes + hashes, .code)
                return
            } else {
                take(.nowhere)
            }
        }
    }

    private func areHashes(after offset: Int, _ count: Int) -> Bool {
        let start = at + offset
        guard start + count <= bytes.count else { return false }
        return bytes[start..<(start + count)].allSatisfy { $0 == UInt8(ascii: "#") }
    }
}
