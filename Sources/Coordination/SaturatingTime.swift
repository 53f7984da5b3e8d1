extension Int64 {
    /// A point in time that is `durationMs` later; the latest one where that cannot be said. Times come from records, so
    /// no sum of them may trap.
    func later(byMs durationMs: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(durationMs)
        return overflow ? (durationMs < 0 ? .min : .max) : sum
    }
}

extension Int16 {
    /// The sum, or the highest number where it would be exceeded.
    func addingClamped(_ other: Int16) -> Int16 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
