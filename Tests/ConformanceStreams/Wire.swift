import Millrace

/// The types of the cases, as bytes.
enum Wire {
    static func encode(_ value: JSONValue?, as type: String) throws -> [UInt8]? {
        switch (value ?? .null, type) {
        case (.null, _): nil
        case (.text(let text), "string"): Array(text.utf8)
        case (.int(let number), "int64"): try Serde<Int64>.int64.bytes(of: number)
        default: throw NotThereYet(what: "type \(type)")
        }
    }

    /// Nil for null, which is what a member that is null decodes to.
    static func decode(_ bytes: [UInt8]?, as type: String) throws -> JSONValue? {
        guard let bytes else { return nil }
        switch type {
        case "string": return .text(String(decoding: bytes, as: UTF8.self))
        case "int64": return .int(try Serde<Int64>.int64.value(of: bytes))
        case "windowed-string":
            let windowed = try windowedText.value(of: bytes)
            return .object([
                "key": windowed.key.map { .text($0) } ?? .null,
                "windowStart": .int(windowed.window.startMs),
                "windowEnd": .int(windowed.window.endMs),
            ])
        default: throw NotThereYet(what: "type \(type)")
        }
    }

    /// Keys in windows of all kinds, with both ends: Kafka's formats leave out the ends of some.
    static let windowedText = Serde<Windowed<String?>>.sessionWindowed(.optional(.utf8))

    static func bytes(hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }
}
