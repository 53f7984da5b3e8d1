import Foundation

/// Where values lie along a side of a chart, from 0 to 1, and what is written there.
struct Axis {
    struct Tick {
        /// From 0 to 1.
        var place: Double
        var label: String
        /// What is written below the label.
        var note = ""
    }

    /// What is measured, with its unit.
    var label: String
    var ticks: [Tick]
    private let place: @Sendable (Double) -> Double

    /// Where a value lies, no further out than the ends.
    func place(of value: Double) -> Double { min(max(place(value), 0), 1) }

    /// From zero to a round number at or above the greatest value.
    static func linear(
        _ label: String,
        upTo greatest: Double,
        steps: Double = 5,
        write: (Double) -> String = Figures.plain
    ) -> Axis {
        let rough = max(greatest, 1e-9) / steps
        let power = pow(10, floor(log10(rough)))
        let step = ([1, 2, 2.5, 5, 10].first { $0 * power >= rough * 0.999 } ?? 10) * power
        let count = (max(greatest, 1e-9) / step * 0.999).rounded(.up)
        let end = count * step
        return Axis(
            label: label,
            ticks: (0...Int(count)).map { Tick(place: Double($0) / count, label: write(Double($0) * step)) },
            place: { $0 / end }
        )
    }

    /// By powers of ten that hold the values.
    static func logarithmic(
        _ label: String,
        from least: Double,
        to greatest: Double,
        write: (Double) -> String = Figures.plain
    ) -> Axis {
        let low = floor(log10(max(least, 1e-3)) + 0.001)
        let high = max(ceil(log10(max(greatest, 1e-3)) - 0.001), low + 1)
        return Axis(
            label: label,
            ticks: stride(from: low, through: high, by: 1).map {
                Tick(place: ($0 - low) / (high - low), label: write(pow(10, $0)))
            },
            place: { (log10(max($0, 1e-9)) - low) / (high - low) }
        )
    }

    /// By orders of magnitude, with a tick at each of the values.
    static func magnitudes(_ label: String, at values: [Double], write: (Double) -> String = Figures.count) -> Axis {
        let low = log10(values.min() ?? 1)
        let width = max(log10(values.max() ?? 10) - low, 1e-9)
        let place: @Sendable (Double) -> Double = { 0.06 + 0.88 * (log10(max($0, 1e-9)) - low) / width }
        return Axis(label: label, ticks: values.map { Tick(place: place($0), label: write($0)) }, place: place)
    }

    /// One place for each of the values, in their order.
    static func steps(_ label: String, _ values: [Double], note: (Double) -> String = { _ in "" }) -> Axis {
        let places = Dictionary(
            values.enumerated().map { ($1, (Double($0) + 0.5) / Double(values.count)) },
            uniquingKeysWith: { first, _ in first }
        )
        return Axis(
            label: label,
            ticks: values.map { Tick(place: places[$0] ?? 0, label: Figures.plain($0), note: note($0)) },
            place: { places[$0] ?? 0 }
        )
    }

    /// Percentiles, as far from one another as there are nines; the last place is that of the slowest record.
    static func percentiles(_ label: String) -> Axis {
        let end = 4.5
        let place: @Sendable (Double) -> Double = { $0 >= 100 ? 1 : -log10(1 - $0 / 100) / end }
        let ticks = [0, 50, 90, 99, 99.9, 99.99].map { Tick(place: place($0), label: Figures.nines($0)) }
        return Axis(label: label, ticks: ticks + [Tick(place: 1, label: "all")], place: place)
    }
}

extension Figures {
    /// A percentile: 99.9 %.
    static func nines(_ percentile: Double) -> String {
        percentile == percentile.rounded() ? "\(Int(percentile))\u{a0}%" : "\(percentile)\u{a0}%"
    }
}
