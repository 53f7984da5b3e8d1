/// How many instructions each function took itself, as callgrind wrote it down.
///
/// Source: Valgrind's manual, "Callgrind Format Specification".
struct CallgrindProfile {
    /// By the function's mangled name.
    private(set) var instructions: [String: Int64] = [:]
    var total: Int64 { instructions.values.reduce(0, +) }

    init(text: String) {
        var names: [Substring: String] = [:]
        var function: String?
        var isCallCost = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("fn=") {
                function = Self.name(line.dropFirst(3), &names)
            } else if line.hasPrefix("cfn=") {
                _ = Self.name(line.dropFirst(4), &names)
            } else if line.hasPrefix("calls=") {
                isCallCost = true
            } else if let first = line.first, first.isNumber || first == "+" || first == "-" || first == "*" {
                // The line after `calls=` has what the called function took, which is counted there.
                defer { isCallCost = false }
                guard !isCallCost, let function else { continue }
                instructions[function, default: 0] += line.split(separator: " ").last.flatMap { Int64($0) } ?? 0
            }
        }
    }

    /// `(12) name` says what `(12)` stands for from then on.
    private static func name(_ text: Substring, _ names: inout [Substring: String]) -> String {
        guard text.hasPrefix("("), let end = text.firstIndex(of: ")") else { return String(text) }
        let number = text[...end]
        let rest = text[text.index(after: end)...].drop { $0 == " " }
        if !rest.isEmpty { names[number] = String(rest) }
        return names[number] ?? String(number)
    }
}
