/// How files look: length, spaces, titles, leftovers.
enum Prose {
    static let linesMax = 800

    static func checkLength(_ files: [SourceText]) -> [Violation] {
        files.filter { $0.isSwift || $0.path.hasSuffix(".c") || $0.path.hasSuffix(".h") }.compactMap { file in
            // The text ends in a line break, and the last element is what follows it.
            let count = file.lines.count - 1
            guard count > linesMax else { return nil }
            return Violation(path: file.path, line: 0, message: "\(count) lines, over \(linesMax); split it by idea")
        }
    }

    static func checkSpaces(_ files: [SourceText]) -> [Violation] {
        files.filter(\.isWrittenByHand).flatMap { file in
            var violations = file.lines.indices.flatMap { number in
                let line = file.lines[number]
                let hasTab = line.utf8.contains(UInt8(ascii: "\t")) && !file.path.hasSuffix("Makefile")
                let ends = line.last.map { $0.isWhitespace } ?? false
                return (hasTab ? [file.violation(number, "a tab; indent with spaces")] : [])
                    + (ends ? [file.violation(number, "white space at the end; remove it")] : [])
            }
            if file.lines.last != "" {
                violations.append(file.violation(file.lines.count - 1, "no line break at the end; add one"))
            }
            return violations
        }
    }

    static func checkTitles(_ files: [SourceText]) -> [Violation] {
        files.filter(\.isMarkdown).flatMap { file in
            let titles = file.prose.filter { $0.text.hasPrefix("# ") }.map(\.line)
            let first = file.lines.firstIndex { !$0.isEmpty && !$0.hasPrefix("<!--") }
            if titles.isEmpty || titles[0] != first {
                return [Violation(path: file.path, line: 1, message: "begins without a title; write `# …` first")]
            }
            return titles.dropFirst().map { file.violation($0, "a second title; make it a section, `## …`") }
        }
    }

    /// A link in a document that is no address names a file or folder beside it.
    static func checkLinks(_ files: [SourceText], paths: [String]) -> [Violation] {
        var known = Set(paths)
        for path in paths {
            let parts = path.split(separator: "/")
            for count in 0..<parts.count { known.insert(parts.prefix(count).joined(separator: "/")) }
        }
        return files.filter(\.isMarkdown).flatMap { file in
            let folder = file.path.split(separator: "/").dropLast().map(String.init)
            return file.prose.flatMap { line, text -> [Violation] in
                let targets = text.split(separator: "](", omittingEmptySubsequences: false).dropFirst()
                    .map { $0.prefix { $0 != ")" && $0 != "#" } }
                return targets.filter {
                    !$0.isEmpty && !$0.contains("://") && !known.contains(path(of: $0, in: folder))
                }
                .map { file.violation(line, "there is no \($0); link to what is there") }
            }
        }
    }

    /// Where a relative link leads, from the top of the repository.
    private static func path(of link: Substring, in folder: [String]) -> String {
        var parts = folder
        for part in link.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return parts.joined(separator: "/")
    }

    static func checkLeftovers(_ files: [SourceText]) -> [Violation] {
        files.flatMap { file in
            file.comments.indices.flatMap { number in
                let comment = file.comments[number]
                let notes = ["TODO", "FIXME", "XXX"].filter { !comment.occurrences(of: $0).isEmpty }
                    .map { file.violation(number, "\($0) in a comment; do it now, or write down what holds today") }
                let marks = comment.contains("MARK:") && !comment.occurrences(of: "MARK:").isEmpty
                return notes + (marks ? [file.violation(number, "a mark; split the file instead")] : [])
            }
        }
    }

    /// Nothing that is built, resolved or run is tracked.
    static func checkTracked(_ paths: [String], ignore: String) -> [Violation] {
        let folders: Set<Substring> = [".build", ".swiftpm", ".data", ".bench"]
        let tracked = paths.compactMap { path -> Violation? in
            let parts = path.split(separator: "/")
            guard parts.last == "Package.resolved" || parts.contains(where: folders.contains) else { return nil }
            return Violation(path: path, line: 0, message: "is tracked; run `git rm --cached` and ignore it")
        }
        let ignored = Set(ignore.split(separator: "\n").map(\.trimmed))
        let wanted = ["Package.resolved", ".build/", ".data/"].filter { !ignored.contains($0) }
        return tracked + wanted.map { Violation(path: ".gitignore", line: 0, message: "does not name \($0); add it") }
    }

    /// The project speaks of itself and its users, not of where and how it was made.
    static func checkWorkshop(_ files: [SourceText]) -> [Violation] {
        files.filter(\.isWrittenByHand).flatMap { file in
            file.lines.indices.flatMap { number in
                workshop.filter { file.lines[number].lowercased().mentions($0) }.map {
                    file.violation(number, "`\($0)` names the workshop; say it in terms of the project")
                }
            }
        }
    }

    /// Put together from halves, so that this file does not find itself.
    private static let workshop = [
        ("sha", "red/"), (".lib", "rary/"), ("gol", "den/"), ("/wo", "rk/"), ("issue", " #"), ("far", "m-"),
    ].map { $0 + $1 }
}

extension String {
    /// Whether the text stands there and does not continue a word.
    fileprivate func mentions(_ text: String) -> Bool {
        guard contains(text) else { return false }
        let bytes = Array(utf8)
        let wanted = Array(text.utf8)
        return (0...(bytes.count - wanted.count)).contains { start in
            guard bytes[start..<(start + wanted.count)].elementsEqual(wanted) else { return false }
            return start == 0 || !bytes[start - 1].isWord
        }
    }
}

extension SourceText {
    /// Everything but data: what a person wrote and another will read.
    fileprivate var isWrittenByHand: Bool {
        let endings = [".swift", ".c", ".h", ".md", ".modulemap", ".yml", "Makefile", ".gitignore", ".editorconfig"]
        return endings.contains { path.hasSuffix($0) } || isIn("scripts/", ".ci/")
    }

    /// The lines of a Markdown file outside its fences.
    var prose: [(line: Int, text: String)] {
        var isFenced = false
        return lines.enumerated().compactMap { number, line in
            if line.trimmed.hasPrefix("```") {
                isFenced.toggle()
                return nil
            }
            return isFenced ? nil : (number, line)
        }
    }
}
