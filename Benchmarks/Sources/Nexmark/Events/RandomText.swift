import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The names that persons and channels have.
enum Names {
    static let first = [
        "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter",
    ]
    static let last = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"]
    static let cities = [
        "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent",
        "Cheyenne",
    ]
    static let states = ["AZ", "CA", "ID", "OR", "WA", "WY"]

    static let hotChannels: [Channel] = ["Google", "Facebook", "Baidu", "Apple"].enumerated().map { number, name in
        var random = SeededRandom(seed: UInt64(number))
        return Channel(name: name, url: random.url())
    }
    /// Nine in ten of the others have their number in the address, turned round bit by bit.
    static let channels: [Channel] = (0..<10_000).map { number in
        var random = SeededRandom(seed: 10_000 + UInt64(number))
        let url = random.url()
        let hasId = random.below(10) > 0
        let id = abs(Int64(Int32(bitPattern: UInt32(number).bitReversed)))
        return Channel(name: "channel-\(number)", url: hasId ? "\(url)&channel_id=\(id)" : url)
    }
}

/// How a bidder came to the auction house.
struct Channel: Sendable {
    var name: String
    var url: String
}

extension UInt32 {
    fileprivate var bitReversed: UInt32 {
        var reversed: UInt32 = 0
        for bit in 0..<UInt32(32) where self >> bit & 1 == 1 { reversed |= 1 << (31 - bit) }
        return reversed
    }
}

extension SeededRandom {
    /// A number from 0 up to, not including, a bound.
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[Int(below(UInt64(elements.count)))] }

    /// 100 to 100,000,000 cents, evenly over the powers of ten.
    mutating func price() -> Int64 {
        let exponent = Double(next() >> 11) * 0x1p-53 * 6
        return Int64((pow(10, exponent) * 100).rounded())
    }

    /// Three letters or more, some of them spaces; those at the ends are cut off.
    mutating func word(upTo maximum: UInt64) -> String {
        var letters: [UInt8] = []
        for _ in 0..<(3 + below(maximum - 3)) {
            letters.append(below(13) == 0 ? UInt8(ascii: " ") : UInt8(ascii: "a") + UInt8(below(26)))
        }
        let space = UInt8(ascii: " ")
        let trimmed = letters.drop { $0 == space }.reversed().drop { $0 == space }.reversed()
        return String(decoding: trimmed, as: UTF8.self)
    }

    mutating func digits(_ count: Int) -> String {
        String((0..<count).map { _ in Character(UnicodeScalar(UInt8(ascii: "0") + UInt8(below(10)))) })
    }

    /// Letters that bring a record of so many bytes to about another number, one fifth more or less.
    mutating func filling(from count: Int, to average: Int) -> String {
        guard count < average else { return "" }
        let missing = average - count
        let difference = Int((Double(missing) * 0.2).rounded())
        let wanted = missing - difference + (difference == 0 ? 0 : Int(below(2 * UInt64(difference))))
        return String(unsafeUninitializedCapacity: wanted) { letters in
            var draw: UInt64 = 0
            for place in 0..<wanted {
                // One draw is good for twelve letters.
                if place % 12 == 0 { draw = next() }
                letters[place] = UInt8(ascii: "a") + UInt8(draw % 26)
                draw /= 26
            }
            return wanted
        }
    }

    mutating func url() -> String {
        "https://www.nexmark.com/\(word(upTo: 5).unspaced)/\(word(upTo: 5).unspaced)/\(word(upTo: 5).unspaced)"
            + "/item.htm?query=1"
    }

    /// Every second bid comes by one of four channels.
    mutating func channel() -> Channel {
        below(2) == 0 ? pick(Names.hotChannels) : pick(Names.channels)
    }
}

extension String {
    fileprivate var unspaced: String { String(map { $0 == " " ? "_" : $0 }) }
}
