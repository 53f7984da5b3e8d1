import MillracePrimitives
import MillraceRecordFormat

/// A way to damage bytes.
enum Mutation: CaseIterable {
    case flipBits
    case truncate
    case extend
    case randomRange
    case extremeField
    case extremeVarint
    case removeRange
    case splice

    static func random(using random: inout SeededRandom) -> Mutation {
        allCases.randomElement(using: &random) ?? .flipBits
    }

    private static let extremes: [Int64] = [
        0, 1, -1, -2, 2, 48, 49, 50, Int64(Int32.max), Int64(Int32.max) - 1, Int64(Int32.min), Int64(Int32.max) + 1,
        .max, .max - 1, .min, 1 << 30, 1 << 31, 1 << 62,
    ]

    func apply(to bytes: inout [UInt8], others: [[UInt8]], using random: inout SeededRandom) {
        guard !bytes.isEmpty else { return }
        switch self {
        case .flipBits:
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        case .truncate:
            bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
        case .extend:
            bytes += (0..<Int.random(in: 1...40, using: &random)).map { _ in .random(in: 0...255, using: &random) }
        case .randomRange:
            for index in range(in: bytes, using: &random) { bytes[index] = .random(in: 0...255, using: &random) }
        case .extremeField:
            extremeField(&bytes, using: &random)
        case .extremeVarint:
            var writer = ByteWriter()
            writer.append(varint: Self.extremes.randomElement(using: &random) ?? 0)
            let start = Int.random(in: min(RecordBatchHeader.size, bytes.count - 1)..<bytes.count, using: &random)
            let end = Bool.random(using: &random) ? start + 1 : min(start + writer.count, bytes.count)
            bytes.replaceSubrange(start..<end, with: writer.array)
        case .removeRange:
            bytes.removeSubrange(range(in: bytes, using: &random))
        case .splice:
            guard let other = others.randomElement(using: &random) else { return }
            let cut = Int.random(in: 0...min(bytes.count, other.count), using: &random)
            bytes = Array(bytes[..<cut] + other[cut...])
        }
    }

    private func range(in bytes: [UInt8], using random: inout SeededRandom) -> Range<Int> {
        let start = Int.random(in: bytes.indices, using: &random)
        return start..<min(start + Int.random(in: 1...20, using: &random), bytes.count)
    }

    private func extremeField(_ bytes: inout [UInt8], using random: inout SeededRandom) {
        typealias Field = RecordBatchHeader.Field
        let value = Self.extremes.randomElement(using: &random) ?? 0
        let short = [Field.length, Field.leaderEpoch, Field.lastOffsetDelta, Field.baseSequence, Field.recordCount]
        let long = [Field.baseOffset, Field.baseTimestamp, Field.maxTimestamp, Field.producerId]
        guard bytes.count >= RecordBatchHeader.size else { return }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: bytes.store(Int16(truncatingIfNeeded: value), at: Field.attributes)
        case 1...4: bytes.store(value, at: long[Int.random(in: long.indices, using: &random)])
        case let number:
            bytes.store(Int32(truncatingIfNeeded: value), at: short[number % short.count])
        }
    }
}
