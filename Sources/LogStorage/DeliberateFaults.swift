/// Ways to break the engine on purpose, so that the simulation can show that it would notice.
///
/// Reachable by this package's tests only; empty everywhere else. Each is asked for where an error was about to be thrown,
/// or once per transaction or opening: never per record.
package struct DeliberateFaults: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The last partition of a transaction gets no marker.
    package static let skipMarker = DeliberateFaults(rawValue: 1 << 0)
    /// A decision is not made durable before its markers are written.
    package static let volatileDecision = DeliberateFaults(rawValue: 1 << 1)
    /// A transaction's data are not made durable before the decision.
    package static let volatileData = DeliberateFaults(rawValue: 1 << 2)
    /// Readers of committed data get the first undecided batch, too.
    package static let stableOffsetTooHigh = DeliberateFaults(rawValue: 1 << 3)
    /// A partition takes batches of an epoch that was replaced.
    package static let forgetEpochFence = DeliberateFaults(rawValue: 1 << 4)
    /// A new owner's epoch is not made durable before the owner gets it.
    package static let volatileEpoch = DeliberateFaults(rawValue: 1 << 5)
    /// After an opening, nothing is known of producers.
    package static let forgetProducers = DeliberateFaults(rawValue: 1 << 6)
    /// A transaction takes a member's positions whatever its generation.
    package static let forgetGeneration = DeliberateFaults(rawValue: 1 << 7)
    /// The marker of the positions is written before those of the data.
    package static let positionsFirst = DeliberateFaults(rawValue: 1 << 8)
    /// A transaction is written down as complete before its markers are.
    package static let completeFirst = DeliberateFaults(rawValue: 1 << 9)
    /// Recovery takes batches whose checksum is wrong.
    package static let skipChecksums = DeliberateFaults(rawValue: 1 << 10)
    /// Aborted transactions do not get into the index that readers go by.
    package static let forgetAborted = DeliberateFaults(rawValue: 1 << 11)
    /// Compaction drops markers while something of their transactions is left.
    package static let dropMarkers = DeliberateFaults(rawValue: 1 << 12)
    /// Compaction goes beyond the last stable offset.
    package static let cleanUnstable = DeliberateFaults(rawValue: 1 << 13)
    /// Compaction removes Prepare records before their markers are durable.
    package static let volatileMarkers = DeliberateFaults(rawValue: 1 << 14)
}
