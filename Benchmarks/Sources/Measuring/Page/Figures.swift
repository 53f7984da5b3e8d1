import Foundation

/// Numbers as the page writes them: three digits, and a unit.
enum Figures {
    /// With three digits at most: 3.32, 33.2, 332, 3,320.
    static func digits(_ number: Double) -> String {
        let size = abs(number)
        // What is rounded up to ten has one digit less behind the point.
        let decimals = size < 0.0995 ? 3 : size < 9.995 ? 2 : size < 99.95 ? 1 : 0
        let text = String(format: "%.\(decimals)f", number)
        guard decimals == 0 else { return text }
        return Table.grouped(number).replacingOccurrences(of: " ", with: ",")
    }

    /// A large number: 332 k, 3.32 M.
    static func count(_ number: Double) -> String {
        switch abs(number) {
        case ..<999.5: plain(number)
        case ..<999_500: "\(plain(number / 1e3)) k"
        case ..<999_500_000: "\(plain(number / 1e6)) M"
        default: "\(plain(number / 1e9)) G"
        }
    }

    /// The same as `digits`, without zeros at its end.
    static func plain(_ number: Double) -> String {
        var text = digits(number)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }

    /// The middle and the extremes: 3.32 M (3.1 M to 3.5 M).
    static func spread(_ spread: Spread, _ write: (Double) -> String) -> String {
        spread.min == spread.max
            ? write(spread.median) : "\(write(spread.median)) (\(write(spread.min)) to \(write(spread.max)))"
    }

    static func megabytes(_ bytes: Int) -> String { digits(Double(bytes) / 1e6) }
}
