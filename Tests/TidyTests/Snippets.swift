/// Swift in the documentation is code that is compiled.
///
/// A fence stands below a comment that names its snippet:
///
///     <!-- snippet: counting-words -->
///     ```swift
///     …
///     ```
///
/// and equals, but for indentation, the lines of that name in the tests, the examples or the benchmarks:
///
///     // snippet: counting-words
///     …
///     // snippet.end
///
/// Lines between `// snippet.hide` and `// snippet.show` are compiled and not shown.
enum Snippets {
    struct Snippet: Equatable {
        var name: String
        /// Indented as far as its least indented line is not.
        var lines: [String]
        var path: String
        /// Where it begins, counted from 0.
        var line: Int

        func violation(_ message: String) -> Violation { Violation(path: path, line: line + 1, message: message) }
    }

    static func check(_ files: [SourceText]) -> [Violation] {
        var violations: [Violation] = []
        var compiled: [String: Snippet] = [:]
        for file in files where file.isSwift && file.isIn("Tests/", "Examples/", "Benchmarks/") {
            for snippet in regions(in: file, &violations) {
                if let other = compiled.updateValue(snippet, forKey: snippet.name) {
                    violations.append(
                        snippet.violation("a second snippet `\(snippet.name)`, after \(other.path); rename one")
                    )
                }
            }
        }
        var shown: Set<String> = []
        for file in files where file.isDocumentation {
            for fence in fences(in: file, &violations) {
                shown.insert(fence.name)
                guard let snippet = compiled[fence.name] else {
                    violations.append(
                        fence.violation("no `// snippet: \(fence.name)` in Tests, Examples or Benchmarks; add it there")
                    )
                    continue
                }
                if let difference = zip(fence.lines, snippet.lines).enumerated().first(where: { $1.0 != $1.1 })?.offset
                    ?? (fence.lines.count == snippet.lines.count ? nil : min(fence.lines.count, snippet.lines.count))
                {
                    violations.append(
                        Violation(
                            path: file.path,
                            line: fence.line + difference + 2,
                            message: "differs from \(snippet.path), `// snippet: \(fence.name)`; copy it from there"
                        )
                    )
                }
            }
        }
        for snippet in compiled.values where !shown.contains(snippet.name) {
            violations.append(snippet.violation("no document shows `\(snippet.name)`; remove its two comments"))
        }
        return violations
    }

    /// The marked regions of a Swift file.
    private static func regions(in file: SourceText, _ violations: inout [Violation]) -> [Snippet] {
        var found: [Snippet] = []
        var open: Snippet?
        var isHidden = false
        for (number, line) in file.lines.enumerated() {
            // Only a comment on a line of its own: a string that looks like one is not.
            let comment = file.comments[number].trimmed == line.trimmed ? line.trimmed : ""
            if comment.hasPrefix("// snippet: ") {
                if let open { violations.append(open.violation("`\(open.name)` has no end; add `// snippet.end`")) }
                let name = comment.dropFirst("// snippet: ".count).trimmed
                open = Snippet(name: name, lines: [], path: file.path, line: number)
                isHidden = false
            } else if comment == "// snippet.end" {
                if let snippet = open {
                    found.append(
                        Snippet(
                            name: snippet.name,
                            lines: outdented(snippet.lines),
                            path: file.path,
                            line: snippet.line
                        )
                    )
                } else {
                    violations.append(file.violation(number, "the end of no snippet; remove it"))
                }
                open = nil
            } else if comment == "// snippet.hide" || comment == "// snippet.show" {
                isHidden = comment == "// snippet.hide"
            } else if !isHidden {
                open?.lines.append(line)
            }
        }
        if let open { violations.append(open.violation("`\(open.name)` has no end; add `// snippet.end`")) }
        return found
    }

    /// The Swift fences of a document.
    private static func fences(in file: SourceText, _ violations: inout [Violation]) -> [Snippet] {
        var found: [Snippet] = []
        var name: String?
        var fence: (language: String, lines: [String], line: Int)?
        for (number, line) in file.lines.enumerated() {
            let text = line.trimmed
            if let open = fence, text != "```" {
                fence?.lines = open.lines + [line]
            } else if let open = fence {
                if open.language == "swift" {
                    if let name {
                        found.append(
                            Snippet(name: name, lines: outdented(open.lines), path: file.path, line: open.line)
                        )
                    } else {
                        violations.append(
                            file.violation(
                                open.line,
                                "Swift that nobody compiles; write `<!-- snippet: … -->` above it"
                            )
                        )
                    }
                }
                fence = nil
                name = nil
            } else if text.hasPrefix("```") {
                fence = (String(text.dropFirst(3).prefix { !$0.isWhitespace }), [], number)
            } else if text.hasPrefix("<!-- snippet: "), text.hasSuffix("-->") {
                name = text.dropFirst("<!-- snippet: ".count).dropLast("-->".count).trimmed
            } else if !text.isEmpty {
                name = nil
            }
        }
        return found
    }

    /// The lines without their common indentation, and without blank lines at both ends.
    private static func outdented(_ lines: [String]) -> [String] {
        let isBlank = { (line: String) in line.allSatisfy(\.isWhitespace) }
        let body = lines.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        let indentation = body.filter { !isBlank($0) }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return body.map { isBlank($0) ? "" : String($0.dropFirst(indentation)) }
    }
}

extension SourceText {
    fileprivate var isDocumentation: Bool {
        isMarkdown && (path == "README.md" || isIn("Documentation/") || (isIn("Sources/") && path.contains(".docc/")))
    }
}
