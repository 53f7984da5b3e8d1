/// What several runs of one measurement gave.
package struct Spread: Codable, Hashable, Sendable {
    package var min: Double
    package var median: Double
    package var max: Double

    package init(min: Double, median: Double, max: Double) {
        self.min = min
        self.median = median
        self.max = max
    }

    /// Of the values of all runs; nil if there was none. Of an even number of runs the upper one in the middle is taken.
    package init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        self.init(min: first, median: sorted[sorted.count / 2], max: last)
    }

    /// The same in another unit.
    package func scaled(by factor: Double) -> Spread {
        Spread(min: min * factor, median: median * factor, max: max * factor)
    }
}
