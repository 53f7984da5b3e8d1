/// What may bring a process down, or share state behind the compiler's back.
enum SafeCode {
    /// No trap by a shortcut, in what ships and in the examples that people copy from.
    static func checkTraps(_ files: [SourceText]) -> [Violation] {
        let banned = [
            ("try!", "handle the error, or let it through with a typed throw"),
            ("fatalError(", "throw an error in the caller's terms; a precondition guards only a bug of our own"),
            ("as!", "use `as?` and handle nil, or a type that needs no cast"),
        ]
        return files.filter { $0.isSwift && $0.isIn("Sources/", "Examples/") }.flatMap { file in
            banned.flatMap { token, remedy in
                file.linesOfCode(with: token).map { file.violation($0, "`\(token)`; \(remedy)") }
            }
                + file.code.indices.filter { file.code[$0].forcesOptional }.map {
                    file.violation($0, "an optional is forced with `!`; bind it with `guard let` and handle nil")
                }
        }
    }

    /// State that the compiler does not check has a comment that says who owns it.
    static func checkUnchecked(_ files: [SourceText]) -> [Violation] {
        files.filter { $0.isSwift && !$0.isIn("Tests/") }.flatMap { file in
            ["@unchecked Sendable", "nonisolated(unsafe)"].flatMap { token in
                file.linesOfCode(with: token).compactMap { number in
                    let near = max(0, number - 3)...min(file.comments.count - 1, number + 3)
                    let words = file.comments[near].joined(separator: " ").lowercased().split { !$0.isLetter }
                    if words.contains(where: owners.contains) { return nil }
                    return file.violation(
                        number,
                        "`\(token)` without a comment within three lines that names what owns the state: a lock, a thread, an"
                            + " atomic; or says that it is noncopyable or immutable"
                    )
                }
            }
        }
    }

    private static let owners: Set<Substring> = [
        "lock", "locks", "mutex", "condition", "thread", "threads", "atomic", "atomics", "immutable", "noncopyable",
    ]

    /// A library does not write to its user's terminal.
    static func checkPrinting(_ files: [SourceText]) -> [Violation] {
        files.filter { $0.isSwift && $0.isIn("Sources/") }.flatMap { file in
            ["print(", "debugPrint(", "dump("].flatMap { token in
                file.linesOfCode(with: token).map {
                    file.violation(
                        $0,
                        "`\(token)` in a library; log through the Logger that was passed in, or return it"
                    )
                }
            }
        }
    }

    /// Foundation doubles the start-up time and the memory of a small program.
    static func checkFoundation(_ files: [SourceText]) -> [Violation] {
        files.filter { $0.isSwift && $0.isIn("Sources/") && !$0.isIn("Sources/FoundationSerdes/", "Sources/Command/") }
            .flatMap { file in
                file.imports.filter { $0.module.hasPrefix("Foundation") }.map {
                    file.violation(
                        $0.line,
                        "\($0.module) below the tools; write it without, or move it to FoundationSerdes"
                    )
                }
            }
    }
}

extension String {
    /// Whether a `!` follows an expression or a type directly, other than in `!=`, `try!` and `as!`.
    fileprivate var forcesOptional: Bool {
        guard contains("!") else { return false }
        let text = Array(utf8)
        return text.indices.contains { index in
            guard text[index] == UInt8(ascii: "!"), index > 0 else { return false }
            if index + 1 < text.count, text[index + 1] == UInt8(ascii: "=") { return false }
            let before = text[index - 1]
            guard before.isWord || [UInt8](")]}\"?>`".utf8).contains(before) else { return false }
            let word = String(decoding: text[..<index].reversed().prefix(while: \.isWord).reversed(), as: UTF8.self)
            return word != "try" && word != "as"
        }
    }
}
