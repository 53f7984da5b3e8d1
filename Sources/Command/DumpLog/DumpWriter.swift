/// Writes one thing of a file as a line: `name: value` pairs for people, an object for programs.
struct DumpWriter {
    /// A value of a line.
    enum Value: Encodable {
        case text(String?)
        case number(Int64)
        case flag(Bool)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): if let text { try container.encode(text) } else { try container.encodeNil() }
            case .number(let number): try container.encode(number)
            case .flag(let flag): try container.encode(flag)
            }
        }

        var text: String {
            switch self {
            case .text(let text): text ?? "null"
            case .number(let number): "\(number)"
            case .flag(let flag): "\(flag)"
            }
        }
    }

    var isJSON: Bool

    /// Writes a line of a kind, such as a batch.
    func write(_ kind: String, indent: Int = 0, _ fields: [(String, Value)]) throws {
        if isJSON {
            var object = Dictionary(fields, uniquingKeysWith: { first, _ in first })
            object["kind"] = .text(kind)
            return try Output.jsonLine(object)
        }
        let text = fields.map { "\($0.0): \($0.1.text)" }.joined(separator: "  ")
        Output.line(String(repeating: "  ", count: indent) + (indent == 0 ? "\(kind)  " : "") + text)
    }
}
