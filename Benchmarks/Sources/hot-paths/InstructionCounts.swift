/// The instructions per record of the hot paths, as they are kept in the repository.
///
/// A line names the toolchain that they were counted with; then each path has a line with its instructions per record and,
/// indented, a line for each function that takes a hundredth of them or more.
struct InstructionCounts {
    struct Path {
        var name: String
        var perRecord: Double
        var functions: [String: Double]
    }

    var toolchain: String
    var paths: [Path] = []

    /// How much more than before a path may take.
    static let tolerance = 0.05

    init(toolchain: String) {
        self.toolchain = toolchain
    }

    init(text: String) {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        toolchain = lines.first.map(String.init) ?? ""
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            guard words.count == 2, let count = Double(words[0]) else { continue }
            if line.hasPrefix(" ") {
                if !paths.isEmpty { paths[paths.count - 1].functions[String(words[1])] = count }
            } else {
                paths.append(Path(name: String(words[1]), perRecord: count, functions: [:]))
            }
        }
    }

    mutating func add(_ profile: CallgrindProfile, of name: String, records: Int64) {
        paths.append(
            Path(
                name: name,
                perRecord: Double(profile.total) / Double(records),
                functions: profile.instructions.mapValues { Double($0) / Double(records) }
            )
        )
    }

    /// The text for the repository.
    var text: String {
        var lines = [
            "# Instructions per record of the hot paths: `make count-instructions ARGS=--record` writes this.",
            toolchain,
        ]
        for path in paths {
            lines.append("\(Self.rounded(path.perRecord)) \(path.name)")
            for (name, count) in path.functions.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) })
            where count >= path.perRecord / 100 {
                lines.append("  \(Self.rounded(count)) \(name)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What a person is told of what has changed since `before`, and whether anything grew beyond the tolerance.
    func compared(with before: InstructionCounts) -> (report: String, isWorse: Bool) {
        var lines: [String] = []
        var isWorse = false
        for path in paths {
            guard let old = before.paths.first(where: { $0.name == path.name }) else {
                lines.append("\(path.name): \(Self.rounded(path.perRecord)) instructions a record, not counted before")
                isWorse = true
                continue
            }
            let growth = path.perRecord / old.perRecord - 1
            let percent = Self.rounded(growth * 100)
            lines.append(
                "\(path.name): \(Self.rounded(path.perRecord)) instructions a record, "
                    + "\(Self.rounded(old.perRecord)) before (\(growth < 0 ? "" : "+")\(percent) %)"
            )
            guard growth > Self.tolerance else { continue }
            isWorse = true
            let grown =
                path.functions.map { (name: $0.key, more: $0.value - (old.functions[$0.key] ?? 0), now: $0.value) }
                .filter { $0.more >= old.perRecord / 100 }
                .sorted { $0.more > $1.more }
            for function in grown {
                lines.append("  +\(Self.rounded(function.more)) to \(Self.rounded(function.now)) \(function.name)")
            }
        }
        return (lines.joined(separator: "\n") + "\n", isWorse)
    }

    private static func rounded(_ number: Double) -> String {
        let tenths = Int64((number * 10).rounded())
        return "\(tenths < 0 && tenths > -10 ? "-" : "")\(tenths / 10).\(abs(tenths % 10))"
    }
}
