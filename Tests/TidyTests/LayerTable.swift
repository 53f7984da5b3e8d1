/// The table in `Sources/README.md`: which module may import what, bottom up.
///
/// A row is `| folder | role | may import |`. An import is the folder of a row above, or the name of a module from
/// outside. `Glibc` stands for the C library, whatever its name on the platform. A folder that ends in `/*` is the row
/// of every folder in it.
struct LayerTable {
    struct Row: Equatable {
        var folder: String
        var imports: Set<String>
        /// Where the row stands in its file, counted from 0.
        var line: Int
    }

    static let path = "Sources/README.md"

    let rows: [Row]

    init(_ file: SourceText) {
        rows = file.lines.enumerated().compactMap { number, line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmed }
            guard cells.count == 3, cells[0].hasPrefix("`") else { return nil }
            let names = cells[2].split(separator: ",").map { $0.trimmed.withoutBackticks }
            return Row(folder: cells[0].withoutBackticks, imports: Set(names.filter { $0 != "-" }), line: number)
        }
    }

    /// The row that a file falls under.
    func row(of path: String) -> Row? {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count > 2 else { return nil }
        return rows.first { $0.folder == (parts[0] == "Sources" ? parts[1] : parts[0] + "/*") }
    }

    /// A row must stand below those that it names.
    func checkOrder() -> [Violation] {
        let all = Set(rows.map(\.folder))
        var above: Set<String> = []
        var violations: [Violation] = []
        for row in rows {
            for name in row.imports.sorted() where all.contains(name) && !above.contains(name) {
                violations.append(
                    violation(row.line, "\(row.folder) may not import \(name), which is not above it; move one of them")
                )
            }
            if !above.insert(row.folder).inserted {
                violations.append(violation(row.line, "\(row.folder) has two rows; keep one"))
            }
        }
        return violations
    }

    /// The rows must be those of the folders in `Sources`.
    func checkFolders(_ folders: [String]) -> [Violation] {
        let own = rows.filter { !$0.folder.hasSuffix("/*") }
        let missing = Set(folders).subtracting(own.map(\.folder)).sorted()
        let gone = own.filter { !folders.contains($0.folder) }
        return missing.map { Violation(path: Self.path, line: 0, message: "Sources/\($0) has no row; add one") }
            + gone.map { violation($0.line, "there is no Sources/\($0.folder); remove the row") }
    }

    /// Every import in the files must be allowed by the row of its module.
    func checkImports(_ files: [SourceText]) -> [Violation] {
        files.filter { $0.isSwift && $0.isIn("Sources/", "Examples/") }.flatMap { file in
            guard let row = row(of: file.path) else {
                return [Violation(path: file.path, line: 0, message: "its folder has no row in \(Self.path); add one")]
            }
            return file.imports.compactMap { line, module in
                let name = Self.name(ofModule: module)
                if name == row.folder || name == "Swift" || row.imports.contains(name) { return nil }
                return file.violation(
                    line,
                    "\(row.folder) may not import \(name) (\(Self.path)); take what it gives as a parameter, or move"
                        + " the code to a module that may"
                )
            }
        }
    }

    /// The targets in the manifest must be the rows, and depend on nothing that their row does not name.
    func checkManifest(_ targets: [Manifest.Target]) -> [Violation] {
        let own = rows.filter { !$0.folder.hasSuffix("/*") }
        var violations: [Violation] = []
        for target in targets {
            guard let row = row(of: target.path + "/x") else {
                violations.append(target.violation("no row for \(target.path) in \(Self.path); add one"))
                continue
            }
            for dependency in target.dependencies.map(Self.name(ofModule:)) where !row.imports.contains(dependency) {
                violations.append(
                    target.violation("\(row.folder) may not import \(dependency) (\(Self.path)); drop the dependency")
                )
            }
        }
        let paths = Set(targets.map(\.path))
        for row in own where !paths.contains("Sources/\(row.folder)") {
            violations.append(violation(row.line, "Package.swift has no target in Sources/\(row.folder); add it"))
        }
        return violations
    }

    /// What the table calls a module: ours by folder, the platform's C library by one name.
    static func name(ofModule module: String) -> String {
        switch module {
        case "Millrace": module
        case "Musl", "Darwin": "Glibc"
        case _ where module.hasPrefix("CMillrace"): "C" + module.dropFirst("CMillrace".count)
        case _ where module.hasPrefix("Millrace"): String(module.dropFirst("Millrace".count))
        default: module
        }
    }

    private func violation(_ line: Int, _ message: String) -> Violation {
        Violation(path: Self.path, line: line + 1, message: message)
    }
}

extension SourceText {
    /// The modules that a Swift file imports, with the lines.
    var imports: [(line: Int, module: String)] {
        code.enumerated().compactMap { number, line in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let keyword = words.firstIndex(of: "import"), words[..<keyword].allSatisfy(\.canPrecedeImport),
                var name = words[(keyword + 1)...].first
            else { return nil }
            let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            if kinds.contains(name), keyword + 2 < words.count { name = words[keyword + 2] }
            return (number, String(name.prefix { $0 != "." && $0 != ";" }))
        }
    }
}

extension Substring {
    fileprivate var canPrecedeImport: Bool {
        let levels: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
        return hasPrefix("@") || levels.contains(self)
    }
}

extension StringProtocol {
    var trimmed: String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }

    fileprivate var withoutBackticks: String { String(filter { $0 != "`" }) }
}
