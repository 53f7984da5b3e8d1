import MillracePrimitives

/// Where a value stands in the ranking of its group: the group, the score and the value itself, as bytes that sort by
/// group, then from the greatest score down, then by the value.
@usableFromInline
struct RankedKey: Sendable {
    let group: [UInt8]
    let bits: UInt64
    @usableFromInline let value: [UInt8]

    @usableFromInline
    init(group: [UInt8], bits: UInt64, value: [UInt8]) {
        self.group = group
        self.bits = bits
        self.value = value
    }
}

extension Serde where Value == RankedKey {
    @usableFromInline
    static var ranked: Serde<RankedKey> {
        Serde(
            encode: { key, writer in
                writer.append(UInt32(key.group.count))
                writer.append(key.group)
                writer.append(~key.bits)
                writer.append(key.value)
            },
            decode: { bytes in
                try bytes.withUnsafeBytes { bytes throws in
                    var reader = ByteReader(bytes)
                    let group = [UInt8](try reader.readBytes(Int(try reader.readInteger(UInt32.self))))
                    let bits = ~(try reader.readInteger(UInt64.self))
                    return RankedKey(group: group, bits: bits, value: [UInt8](try reader.readBytes(reader.remaining)))
                }
            }
        )
    }
}
