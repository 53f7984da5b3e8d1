import MillraceFileIO
import MillracePrimitives

/// Which leader epoch began at which offset: the contents of `leader-epoch-checkpoint`.
///
/// A text file: version 0, the number of entries, then a line `epoch startOffset` each; both numbers only grow (KIP-101).
struct LeaderEpochs: Hashable, Sendable {
    static let fileName = "leader-epoch-checkpoint"

    struct Entry: Hashable, Sendable {
        var epoch: Int32
        var startOffset: Int64
    }

    private(set) var entries: [Entry] = []

    init(_ entries: [Entry] = []) { self.entries = entries }

    /// Reads the file's contents; nil if they are not a checkpoint.
    init?(decoding bytes: [UInt8]) {
        guard let lines = WholeFile.checkpointLines(bytes) else { return nil }
        for line in lines {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let epoch = Int32(fields[0]), let offset = Int64(fields[1]), epoch >= 0,
                offset >= 0,
                epoch > entries.last?.epoch ?? -1, offset >= entries.last?.startOffset ?? 0
            else { return nil }
            entries.append(Entry(epoch: epoch, startOffset: offset))
        }
    }

    var encoded: [UInt8] {
        var text = "0\n\(entries.count)\n"
        for entry in entries { text += "\(entry.epoch) \(entry.startOffset)\n" }
        return [UInt8](text.utf8)
    }

    var latest: Int32? { entries.last?.epoch }

    /// Takes note that `epoch` begins at `startOffset`; returns whether that is news.
    mutating func assign(_ epoch: Int32, startOffset: Int64) -> Bool {
        guard epoch >= 0, epoch > latest ?? -1 else { return false }
        // An epoch that began where this one does has no records.
        while let last = entries.last, last.startOffset >= startOffset { entries.removeLast() }
        entries.append(Entry(epoch: epoch, startOffset: startOffset))
        return true
    }

    /// Forgets what begins at the log's end or beyond; returns whether anything was.
    mutating func truncate(toEnd end: Int64) -> Bool {
        let kept = entries.prefix { $0.startOffset < end }
        guard kept.count < entries.count else { return false }
        entries = Array(kept)
        return true
    }

    /// Forgets what ended before the log's start; returns whether anything was.
    mutating func truncate(toStart start: Int64) -> Bool {
        guard let index = entries.lastIndex(where: { $0.startOffset <= start }), entries[index].startOffset != start
        else {
            return false
        }
        entries[index].startOffset = start
        entries.removeFirst(index)
        return true
    }

    /// Where an epoch ends, as a follower or consumer asks to find out whether its log diverged: the greatest epoch not
    /// beyond the one asked for, and the offset at which the next one begins. Nil for an epoch not known yet.
    func endOffset(for epoch: Int32, logEnd: Int64) -> (epoch: Int32, endOffset: Int64)? {
        guard let latest, epoch <= latest else { return nil }
        if epoch == latest { return (latest, logEnd) }
        guard let higher = entries.first(where: { $0.epoch > epoch }) else { return nil }
        let floor = entries.last { $0.epoch <= epoch }
        return (floor?.epoch ?? epoch, higher.startOffset)
    }
}
