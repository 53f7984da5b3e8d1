/// An invariant of the design that a run has broken, and how.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package enum Invariant: String, Hashable, Sendable {
        case atomic = "atomic"
        case isolated = "isolated"
        case ordered = "ordered and gap-free"
        case fenced = "fenced"
        case durable = "durable as asked"
        case recovery = "recovery is idempotent"
        /// Not an invariant of the log, but none holds without it: what must succeed does.
        case live = "live"
    }

    package var invariant: Invariant
    /// Which record, offset or transaction; what was expected, and what was found.
    package var what: String

    package var description: String { "\(invariant.rawValue): \(what)" }
}
