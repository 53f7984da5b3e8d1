import Synchronization

/// Something in this process that has to report now and then, whatever its owner does meanwhile.
package protocol Pulse: AnyObject, Sendable {
    /// Reports if it is time to, at a time of the broker's monotonic clock in nanoseconds. Called on the housekeeping
    /// thread; must not block.
    func beat(_ now: Int64)
}

/// The pulses that the broker's housekeeping keeps beating: the members of groups in this process report that they live
/// even while a long function of their owner runs. They are not kept alive: who vanishes without leaving stops to
/// report, as a killed process does.
package final class Pulses: Sendable {
    private struct Entry: Sendable {
        weak var pulse: (any Pulse)?
    }

    private let entries = Mutex<[Entry]>([])

    /// Begins to beat a pulse.
    package func add(_ pulse: any Pulse) {
        entries.withLock { entries in
            entries.removeAll { $0.pulse == nil }
            entries.append(Entry(pulse: pulse))
        }
    }

    /// Ends it.
    package func remove(_ pulse: any Pulse) {
        entries.withLock { $0.removeAll { $0.pulse == nil || $0.pulse === pulse } }
    }

    func beat(_ now: Int64) {
        for entry in entries.withLock({ $0 }) { entry.pulse?.beat(now) }
    }
}
