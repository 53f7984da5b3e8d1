import SystemPackage

/// What opening a log found and did; a broker logs it, a test reads it.
package struct RecoveryReport: Hashable, Sendable {
    /// Bytes that were cut off the end of a segment: never known to be durable, and not whole.
    package struct Truncation: Hashable, Sendable {
        package var file: FilePath
        /// Where the file ends now.
        package var position: Int64
        /// The offset that would have come next, and that the next record gets.
        package var offset: Int64
        package var bytesRemoved: Int64
        package var reason: BatchDefect
    }

    /// A file that was missing or made no sense, and was built again or done without.
    package struct Repair: Hashable, Sendable {
        package enum Reason: Hashable, Sendable {
            case missing
            case malformed
            /// The segment was scanned after an unclean stop, which does not trust its indexes.
            case uncleanStop
        }
        package var file: FilePath
        package var reason: Reason
    }

    /// Whether the log had been closed in order.
    package var wasCleanShutdown: Bool
    /// At most one: everything after it is removed.
    package var truncation: Truncation?
    /// Segments after the truncation, which went with it.
    package var removedSegments: [FilePath] = []
    /// Indexes, snapshots and checkpoints that were built again.
    package var repairs: [Repair] = []
    /// Files of an interrupted deletion or replacement, which were removed.
    package var removedLeftovers: [FilePath] = []
    /// Files that are none of ours, which were left alone.
    package var foreignFiles: [FilePath] = []
    /// How many segments there are, and how many of them were read from end to end.
    package var segmentCount = 0
    package var segmentsScanned = 0
    /// How much was read from the segments themselves.
    package var bytesRead: Int64 = 0
    /// Where reading for the producers' states began.
    package var producerStateFrom: Int64 = 0

    package init(wasCleanShutdown: Bool) { self.wasCleanShutdown = wasCleanShutdown }
}
