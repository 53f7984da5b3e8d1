import Testing

/// A place that breaks a rule of the house, and what to do about it.
struct Violation: Equatable, CustomStringConvertible {
    var path: String
    /// Counted from 1; 0 speaks of the whole file.
    var line: Int
    /// What is wrong, and the remedy.
    var message: String

    var description: String { line == 0 ? "\(path): \(message)" : "\(path):\(line): \(message)" }
}

/// Fails the running test once per violation, each in a line that an editor can jump to.
func expectNone(_ violations: [Violation], sourceLocation: SourceLocation = #_sourceLocation) {
    for violation in violations { Issue.record("\(violation)", sourceLocation: sourceLocation) }
}
