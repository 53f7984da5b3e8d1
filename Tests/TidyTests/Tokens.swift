extension String {
    /// The offsets in UTF-8 where a token stands. If it begins with a letter it must not continue a word, and must not
    /// be a member of something (`.open(` is not `open(`); if it ends with a letter it must end a word.
    func occurrences(of token: String) -> [Int] {
        let text = Array(utf8)
        let token = Array(token.utf8)
        guard let first = token.first, let last = token.last, token.count <= text.count else { return [] }
        return (0...(text.count - token.count)).filter { start in
            let end = start + token.count
            guard text[start] == first, text[start..<end].elementsEqual(token) else { return false }
            if first.isWord, start > 0, text[start - 1].isWord || text[start - 1] == UInt8(ascii: ".") { return false }
            if last.isWord, end < text.count, text[end].isWord { return false }
            return true
        }
    }
}

extension UInt8 {
    /// A letter, a digit or an underscore.
    var isWord: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}

extension SourceText {
    /// The lines of code on which a token stands, other than where a function of that name is declared.
    func linesOfCode(with token: String) -> [Int] {
        code.indices.filter { number in
            let line = code[number]
            guard line.contains(token) else { return false }
            return line.occurrences(of: token).contains { !line.utf8.prefix($0).ends(with: "func ") }
        }
    }
}

extension Sequence<UInt8> {
    fileprivate func ends(with suffix: String) -> Bool {
        Array(self).suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
}
