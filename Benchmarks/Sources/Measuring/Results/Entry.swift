/// The result of one measurement, as it is kept in a file.
protocol Entry: Codable, Sendable {
    /// What was measured: a later result of the same replaces an earlier one.
    var subject: [String] { get }
    /// When, as in the `date` of the environment that it was measured in.
    var measured: String { get set }
}

extension Array where Element: Entry {
    /// The entries of both, and of those with the same subject the other's, each in its first place.
    func merged(with newer: [Element]) -> [Element] {
        var merged = self
        for entry in newer {
            if let place = merged.firstIndex(where: { $0.subject == entry.subject }) {
                merged[place] = entry
            } else {
                merged.append(entry)
            }
        }
        return merged
    }
}
