/// What `Package.swift` says about targets, read as text: asking the package manager would wait for the lock that the
/// test run holds.
///
/// It knows the three ways in which ours is written: the functions `module` and `tests`, the target declarations, and
/// constants that hold one dependency or an array of them.
struct Manifest {
    struct Target: Equatable {
        var path: String
        var dependencies: [String]
        /// Counted from 0.
        var line: Int

        func violation(_ message: String) -> Violation {
            Violation(path: "Package.swift", line: line + 1, message: message)
        }
    }

    /// The targets in `Sources` and `Examples`.
    let targets: [Target]

    init(_ text: String) {
        let file = SourceText(path: "Package.swift", text: text)
        let constants = Self.constants(file)
        var targets: [Target] = []
        for (number, code) in file.code.enumerated() {
            for opening in ["module(", ".target(", ".executableTarget(", ".systemLibrary("] {
                guard let start = code.firstIndex(of: opening), !code.contains("func ") else { continue }
                let call = Self.call(file, line: number, column: start + opening.utf8.count)
                let quoted = call.quoted
                guard let name = quoted.first, !name.contains("\\") else { continue }
                // What only tests use has no row in the table.
                if quoted.contains(where: { $0.hasPrefix("Tests/") }) { continue }
                let path = quoted.first { $0.hasPrefix("Sources/") || $0.hasPrefix("Examples/") }
                let own = quoted.dropFirst().filter { $0.hasPrefix("Millrace") || $0.hasPrefix("CMillrace") }
                let named = call.identifiers.flatMap { constants[$0] ?? [] }
                targets.append(Target(path: path ?? "Sources/\(name)", dependencies: own + named, line: number))
            }
        }
        self.targets = targets
    }

    /// The products that the constants stand for.
    private static func constants(_ file: SourceText) -> [String: [String]] {
        var constants: [String: [String]] = [:]
        for (number, code) in file.code.enumerated() {
            let words = code.split { !$0.isLetter && !$0.isNumber }
            guard words.first == "let", words.count > 2, words[2] == "Target", words.contains("Dependency") else {
                continue
            }
            var products: [String] = []
            for line in number..<file.lines.count {
                if file.code[line].contains(".product("), let name = file.lines[line].quoted.first {
                    products.append(name)
                }
                if line > number ? file.code[line].hasPrefix("]") : !code.hasSuffix("[") { break }
            }
            constants[String(words[1])] = products
        }
        return constants
    }

    /// The text of a call, from behind its opening parenthesis to the closing one, without comments.
    private static func call(_ file: SourceText, line: Int, column: Int) -> String {
        var depth = 1
        var text = ""
        for number in line..<file.lines.count {
            let code = Array(file.code[number].utf8)
            let whole = Array(file.lines[number].utf8)
            let comment = Array(file.comments[number].utf8)
            for index in (number == line ? column : 0)..<max(code.count, column) where index < code.count {
                if code[index] == UInt8(ascii: "(") { depth += 1 }
                if code[index] == UInt8(ascii: ")") { depth -= 1 }
                if depth == 0 { return text }
                if comment[index] == UInt8(ascii: " ") { text.unicodeScalars.append(Unicode.Scalar(whole[index])) }
            }
            text += "\n"
        }
        return text
    }
}

extension String {
    /// The contents of the string literals.
    fileprivate var quoted: [String] {
        split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .compactMap { $0.offset % 2 == 1 ? String($0.element) : nil }
    }

    /// The words outside string literals.
    fileprivate var identifiers: [String] {
        split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .flatMap { part -> [String] in
                guard part.offset % 2 == 0 else { return [] }
                return part.element.split { !$0.isLetter && !$0.isNumber }.map(String.init)
            }
    }

    /// The offset in UTF-8 at which a token begins that is not the end of a longer word.
    fileprivate func firstIndex(of token: String) -> Int? {
        occurrences(of: token).first
    }
}
