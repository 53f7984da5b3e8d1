/// What the rows of a ranking are ordered by: a number whose order can be kept as that of bytes.
public protocol RankingScore: Sendable {
    /// Bits that are in the order of the scores when they are compared as an unsigned number.
    var rankingBits: UInt64 { get }
}

extension Int64: RankingScore {
    /// The number with its sign turned round, so that negative ones come first.
    public var rankingBits: UInt64 { UInt64(bitPattern: self) ^ (1 << 63) }
}

extension Int: RankingScore {
    /// As of `Int64`.
    public var rankingBits: UInt64 { Int64(self).rankingBits }
}

extension Double: RankingScore {
    /// The bits of IEEE 754 in the order of the numbers; both zeros are one, and what is not a number comes first.
    public var rankingBits: UInt64 {
        if isNaN { return 0 }
        let bits = (self == 0 ? 0 : self).bitPattern
        return bits & (1 << 63) == 0 ? bits | (1 << 63) : ~bits
    }
}
