import ArgumentParser
import Foundation
import MillracePrimitives

/// How the bytes of keys and values are shown and given.
enum BytesFormat: String, CaseIterable, ExpressibleByArgument {
    /// UTF-8; bytes that are not are shown in base 64 after `base64:`.
    case text
    case hex
    case base64
    /// Big-endian, as Kafka's serializers write them.
    case int32, int64, float, double

    /// Bytes as text. Those that are not of the format are shown in base 64, after `base64:`.
    func show(_ bytes: [UInt8]) -> String {
        switch self {
        case .text: String(validating: bytes, as: UTF8.self) ?? fallback(bytes)
        case .hex: bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        case .base64: Data(bytes).base64EncodedString()
        case .int32: integer(bytes, Int32.self).map { "\($0)" } ?? fallback(bytes)
        case .int64: integer(bytes, Int64.self).map { "\($0)" } ?? fallback(bytes)
        case .float: integer(bytes, UInt32.self).map { "\(Float(bitPattern: $0))" } ?? fallback(bytes)
        case .double: integer(bytes, UInt64.self).map { "\(Double(bitPattern: $0))" } ?? fallback(bytes)
        }
    }

    /// The bytes that a text stands for; nil if it is not of the format.
    func bytes(_ text: String) -> [UInt8]? {
        switch self {
        case .text: Array(text.utf8)
        case .hex: Self.hexBytes(text)
        case .base64: Data(base64Encoded: text).map { Array($0) }
        case .int32: Int32(text).map(Self.bigEndian)
        case .int64: Int64(text).map(Self.bigEndian)
        case .float: Float(text).map { Self.bigEndian($0.bitPattern) }
        case .double: Double(text).map { Self.bigEndian($0.bitPattern) }
        }
    }

    private func fallback(_ bytes: [UInt8]) -> String {
        "base64:" + Data(bytes).base64EncodedString()
    }

    private func integer<Integer: FixedWidthInteger>(_ bytes: [UInt8], _ type: Integer.Type) -> Integer? {
        guard bytes.count == MemoryLayout<Integer>.size else { return nil }
        return bytes.reduce(0) { ($0 << 8) | Integer(truncatingIfNeeded: $1) }
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func hexBytes(_ text: String) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}

/// How keys and values are written.
struct FormatOptions: ParsableArguments {
    @Option(help: "How keys are written: \(BytesFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var keys = BytesFormat.text

    @Option(help: "How values are written, likewise.")
    var values = BytesFormat.text
}
