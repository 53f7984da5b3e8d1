/// The pages of the manual hang together: every page is found from the first one, links lead somewhere, drawings are
/// there in light and dark, and whatever the operators' module offers is written about.
enum Manual {
    static let folder = "Sources/Streams/Streams.docc/"
    static let root = folder + "Millrace.md"

    /// What a page need not name: requirements of Swift's protocols.
    private static let unmentioned: Set<Substring> = ["makeAsyncIterator", "description"]

    static func checkPages(_ files: [SourceText]) -> [Violation] {
        let pages = files.filter { $0.isMarkdown && $0.isIn(folder) }
        let names = Set(pages.map(\.pageName))
        var violations: [Violation] = []
        var listed: Set<Substring> = []
        for page in pages {
            for (number, line) in page.lines.enumerated() {
                for name in line.occurrences(between: "<doc:", and: ">") {
                    if page.path == root { listed.insert(name) }
                    if !names.contains(name) { violations.append(page.violation(number, "there is no page \(name)")) }
                }
            }
        }
        for page in pages where page.path != root && !listed.contains(page.pageName) {
            violations.append(page.violation(0, "\(root) does not list this page; add <doc:\(page.pageName)>"))
        }
        return violations
    }

    /// - Parameter paths: those of all files, drawings among them.
    static func checkDrawings(_ files: [SourceText], paths: [String]) -> [Violation] {
        let drawings = Set(
            paths.filter { $0.hasPrefix(folder) && $0.hasSuffix(".svg") }.compactMap { $0.split(separator: "/").last }
        )
        var violations: [Violation] = []
        var shown: Set<Substring> = []
        for page in files where page.isMarkdown && page.isIn(folder) {
            for (number, line) in page.lines.enumerated() where line.hasPrefix("![") {
                guard let name = line.occurrences(between: "](", and: ")").first else { continue }
                shown.formUnion([name, name.darkTwin])
                for name in [name, name.darkTwin] where !drawings.contains(name) {
                    violations.append(page.violation(number, "there is no drawing \(name)"))
                }
                if line.hasPrefix("![]") {
                    violations.append(page.violation(number, "say between the brackets what the drawing shows"))
                }
            }
        }
        for drawing in drawings.subtracting(shown).sorted() {
            violations.append(Violation(path: "\(drawing)", line: 0, message: "no page of the manual shows it"))
        }
        let bodies = Dictionary(
            files.filter { $0.isIn(folder) && $0.path.hasSuffix(".svg") }.map { ($0.path, $0.withoutStyle) },
            uniquingKeysWith: { first, _ in first }
        )
        for (path, body) in bodies.sorted(by: { $0.key < $1.key }) where !path.contains("~dark") {
            let twin = String(path[...].darkTwin)
            if let other = bodies[twin], other != body {
                violations.append(Violation(path: twin, line: 0, message: "differs from \(path) not only in colours"))
            }
        }
        return violations
    }

    /// Every function and every static member that the module of the operators makes public stands on some page.
    static func checkOperators(_ files: [SourceText]) -> [Violation] {
        let words = Set(
            files.filter { $0.isMarkdown && $0.isIn(folder) }.flatMap { page in
                page.lines.flatMap { $0.split { !($0.isLetter || $0.isNumber) } }
            }
        )
        var violations: [Violation] = []
        var seen = unmentioned
        for file in files where file.isSwift && file.isIn("Sources/Streams/") {
            for (number, line) in file.code.enumerated() {
                guard let name = publicMember(line), seen.insert(name).inserted, !words.contains(name) else { continue }
                violations.append(file.violation(number, "no page of the manual mentions \(name)"))
            }
        }
        return violations
    }

    /// Every setting has its row on the page of settings.
    static func checkSettings(_ files: [SourceText]) -> [Violation] {
        let rows = files.filter { $0.path == folder + "Configuration.md" }.flatMap(\.lines)
        return files.filter { $0.path == "Sources/StreamsRuntime/StreamsConfiguration.swift" }.flatMap { file in
            file.code.enumerated().compactMap { number, line in
                guard let name = line.trimmed.word(after: "public var "),
                    !rows.contains(where: { $0.hasPrefix("| ``StreamsConfiguration/\(name)``") })
                else { return nil }
                return file.violation(number, "\(folder)Configuration.md has no row for \(name)")
            }
        }
    }

    private static func publicMember(_ line: String) -> Substring? {
        guard let start = line.firstRange(of: "public ")?.upperBound else { return nil }
        var words = line[start...].split(separator: " ")
        let isStatic = words.contains("static")
        words.removeAll { ["static", "final", "mutating", "consuming"].contains($0) }
        guard words.count > 1, words[0] == "func" || isStatic && words[0] == "var" else { return nil }
        let name = words[1].prefix { $0.isLetter || $0.isNumber }
        return name.isEmpty ? nil : name
    }
}

extension SourceText {
    fileprivate var pageName: Substring { path.split(separator: "/").last?.dropLast(".md".count) ?? "" }

    /// A drawing without the lines of its style, which hold the colours.
    fileprivate var withoutStyle: [String] {
        let start = lines.firstIndex { $0.contains("<style>") } ?? 0
        let end = lines.firstIndex { $0.contains("</style>") } ?? 0
        return Array(lines[..<start] + lines[end...])
    }
}

extension Substring {
    /// The name of a drawing's version for dark pages.
    fileprivate var darkTwin: Substring { dropLast(".svg".count) + "~dark.svg" }
}

extension StringProtocol {
    /// What stands between two marks, each time.
    fileprivate func occurrences(between start: String, and end: String) -> [Substring] {
        var rest = Substring(self)
        var found: [Substring] = []
        while let opening = rest.firstRange(of: start) {
            rest = rest[opening.upperBound...]
            guard let closing = rest.firstRange(of: end) else { break }
            found.append(rest[..<closing.lowerBound])
            rest = rest[closing.upperBound...]
        }
        return found
    }

    /// The word that follows a text which the line begins with.
    fileprivate func word(after text: String) -> Substring? {
        guard hasPrefix(text) else { return nil }
        return Substring(self).dropFirst(text.count).prefix { $0.isLetter || $0.isNumber }
    }
}
