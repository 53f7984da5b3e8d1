import MillraceFileIO
import MillracePrimitives

/// Everything about a log that changes; `PartitionLog` guards it with its lock.
struct LogState: Sendable {
    var configuration: LogConfiguration
    /// In the order of their offsets.
    var sealed: [SealedSegment]
    var active: ActiveSegment
    /// The first offset that may be read.
    var logStartOffset: Int64
    /// The offset that the next record gets.
    var logEndOffset: Int64
    /// Every record before this offset survives power loss, and so do the names of the files that hold it.
    var durableEndOffset: Int64
    var producers: ProducerTable
    var epochs: LeaderEpochs
    /// Whether `epochs` differs from its file.
    var epochsHaveChanged: Bool
    /// Whether files were made or removed since the directory was last synchronised.
    var directoryHasChanged: Bool
    /// The synchronisation that failed, after which nothing is written.
    var failure: FileError?
    var isClosed = false
    /// Set while the last things are written before the log is closed.
    var isClosing = false
    /// The cleaner has been up to here: before it, a key has one record at most, apart from those of the segment's own
    /// past. Too small a number costs another look, too great a one would bring old values back.
    var cleanedEndOffset: Int64 = 0
    /// Counts the times that the log's end was cut off.
    var truncationCount = 0
    /// Counts the times that stored bytes were taken away, so that a reader notices that it read beside the lock.
    var generation = 0
    var readPositions = ReadPositions()

    /// Readers of committed data read up to here (LE-60). With a single replica, every record is replicated at once.
    var lastStableOffset: Int64 {
        guard let unstable = producers.firstUnstableOffset else { return logEndOffset }
        let excess: Int64 = configuration.deliberateFaults.contains(.stableOffsetTooHigh) ? 1 : 0
        return min(max(unstable + excess, logStartOffset), logEndOffset)
    }

    /// The place in `sealed` of the segment that holds `offset`; nil for the active one.
    func sealedIndex(of offset: Int64) -> Int? {
        if offset >= active.baseOffset || sealed.isEmpty { return nil }
        return max(sealed.partitioningIndex { $0.baseOffset > offset } - 1, 0)
    }

    /// Where a reader finds `offset`; in the segment that begins at `hint`, if an earlier one turned out not to have it.
    func place(of offset: Int64, segment hint: Int64?) -> ReadPlace {
        let known = readPositions.find(offset)
        guard let index = sealedIndex(of: hint ?? offset) else {
            var place = ReadPlace(
                files: active.files,
                size: active.size,
                position: 0,
                isExact: true,
                needsIndex: false,
                nextSegment: nil,
                endOffset: logEndOffset,
                generation: generation
            )
            if hint != nil || offset == active.baseOffset { return place }
            if let known, known.segment == active.baseOffset {
                place.position = known.position
            } else {
                place.position = Int64(active.index.position(of: active.relative(offset)))
                place.isExact = false
            }
            return place
        }
        let segment = sealed[index]
        let next = index + 1 < sealed.count ? sealed[index + 1].baseOffset : active.baseOffset
        var place = ReadPlace(
            files: segment.files,
            size: segment.size,
            position: 0,
            isExact: true,
            needsIndex: false,
            nextSegment: next,
            endOffset: next,
            generation: generation
        )
        if hint != nil || offset == segment.baseOffset { return place }
        if let known, known.segment == segment.baseOffset {
            place.position = known.position
        } else {
            place.isExact = false
            place.needsIndex = true
        }
        return place
    }

    /// The aborted transactions that a reader of `offset..<end` has to know (LE-61). Their markers stand at or after
    /// `offset`; no later marker matters once the last stable offset was beyond `end`.
    func abortedTransactions(from offset: Int64, before end: Int64) -> [AbortedTransaction] {
        var found: [AbortedTransaction] = []
        func collect(_ entries: [AbortedTransaction]) -> Bool {
            for entry in entries {
                if entry.lastOffset >= offset, entry.firstOffset < end { found.append(entry) }
                if entry.lastStableOffset >= end { return true }
            }
            return false
        }
        if let first = sealedIndex(of: offset) {
            for segment in sealed[first...] where collect(segment.aborted) { return found }
        }
        _ = collect(active.aborted)
        return found
    }
}

/// Where the last few sequential readers stopped, so that their next read needs no look-up.
struct ReadPositions: Sendable {
    struct Position: Hashable, Sendable {
        var offset: Int64
        var segment: Int64
        var position: Int64
    }

    private static let limit = 8
    private var positions: [Position] = []
    private var oldest = 0

    func find(_ offset: Int64) -> Position? {
        positions.first { $0.offset == offset }
    }

    /// Moves the reader that was at `previous` on to `next`.
    mutating func advance(from previous: Int64, to next: Position) {
        if let index = positions.firstIndex(where: { $0.offset == previous }) {
            positions[index] = next
        } else if positions.contains(next) {
            return
        } else if positions.count < Self.limit {
            positions.append(next)
        } else {
            positions[oldest] = next
            oldest = (oldest + 1) % Self.limit
        }
    }

    mutating func removeAll() {
        positions.removeAll(keepingCapacity: true)
        oldest = 0
    }
}
