import MillracePrimitives
import MillraceRecordFormat

/// An entry of fixed size in an index file.
protocol IndexEntry: Hashable, Sendable {
    static var size: Int { get }
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int)
    func write(to writer: inout ByteWriter)
}

/// One entry of a segment's `.index`: the batch whose last offset this is begins at this byte of the segment.
///
/// Both numbers are big-endian int32, the offset relative to the segment's first (LE-11).
struct OffsetIndexEntry: IndexEntry {
    static let size = 8

    var relativeOffset: Int32
    var position: Int32

    func write(to writer: inout ByteWriter) {
        writer.append(relativeOffset)
        writer.append(position)
    }

    init(relativeOffset: Int32, position: Int32) {
        self.relativeOffset = relativeOffset
        self.position = position
    }

    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        relativeOffset = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
        position = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: Int32.self))
    }
}

/// One entry of a segment's `.timeindex`: no record up to this offset has a later timestamp.
///
/// Timestamp int64 and relative offset int32, big-endian; both grow from entry to entry (LE-12).
struct TimeIndexEntry: IndexEntry {
    static let size = 12

    var timestamp: Int64
    var relativeOffset: Int32

    func write(to writer: inout ByteWriter) {
        writer.append(timestamp)
        writer.append(relativeOffset)
    }

    init(timestamp: Int64, relativeOffset: Int32) {
        self.timestamp = timestamp
        self.relativeOffset = relativeOffset
    }

    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        timestamp = Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
        relativeOffset = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int32.self))
    }
}

/// The sparse indexes of one segment in memory, built as its batches come.
///
/// The active segment's live here and go to their files when it is sealed or the log is closed. After a crash they are
/// built again from the batches, so that nothing needs to be written in between.
struct SegmentIndex: Hashable, Sendable {
    private(set) var offsets: [OffsetIndexEntry] = []
    private(set) var times: [TimeIndexEntry] = []
    private var bytesSinceLastEntry = 0
    /// The greatest timestamp in the segment; -1 for none.
    private(set) var maxTimestamp: Int64 = -1
    /// The last offset of the batch that has it, relative to the segment's first.
    private(set) var offsetOfMaxTimestamp: Int32 = 0

    init() {}

    /// Takes over what was read from the files of a log that was closed.
    init(offsets: [OffsetIndexEntry], times: [TimeIndexEntry]) {
        self.offsets = offsets
        self.times = times
        if let last = times.last {
            maxTimestamp = last.timestamp
            offsetOfMaxTimestamp = last.relativeOffset
        }
    }

    /// Takes note of a batch that stands at `position`; an entry is made when enough bytes have passed.
    mutating func add(
        lastOffset relative: Int32,
        position: Int32,
        size: Int,
        maxTimestamp timestamp: Int64,
        interval: Int
    ) {
        noteTimestamp(timestamp, at: relative)
        if bytesSinceLastEntry > interval {
            offsets.append(OffsetIndexEntry(relativeOffset: relative, position: position))
            appendTimeEntry()
            bytesSinceLastEntry = 0
        }
        bytesSinceLastEntry += size
    }

    /// Takes note of a timestamp without making an entry.
    mutating func noteTimestamp(_ timestamp: Int64, at relative: Int32) {
        if timestamp > maxTimestamp {
            maxTimestamp = timestamp
            offsetOfMaxTimestamp = relative
        }
    }

    /// Counts bytes towards the next entry.
    mutating func countBytes(_ count: Int) {
        bytesSinceLastEntry += count
    }

    /// Makes the greatest timestamp the time index's last entry, as a segment that takes no more batches has it.
    mutating func seal() {
        appendTimeEntry()
    }

    private mutating func appendTimeEntry() {
        let last = times.last?.timestamp ?? -1
        if maxTimestamp > last {
            times.append(TimeIndexEntry(timestamp: maxTimestamp, relativeOffset: offsetOfMaxTimestamp))
        }
    }

    /// Where to start looking for an offset: at the batch of the last entry that is not after it, or at the beginning.
    func position(of relativeOffset: Int32) -> Int32 {
        let index = offsets.partitioningIndex { $0.relativeOffset > relativeOffset }
        return index == 0 ? 0 : offsets[index - 1].position
    }

    /// From which relative offset on a record with this timestamp or a later one can stand.
    func relativeOffset(forTimestamp timestamp: Int64) -> Int32 {
        let index = times.partitioningIndex { $0.timestamp >= timestamp }
        return index == 0 ? 0 : times[index - 1].relativeOffset
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index whose element satisfies `belongsToSecond`, which must be false for all before it and true for
    /// all after it.
    func partitioningIndex(where belongsToSecond: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if belongsToSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension SegmentIndex {
    mutating func add(_ header: RecordBatchHeader, position: Int64, base: Int64, interval: Int) {
        add(
            lastOffset: Int32(truncatingIfNeeded: header.lastOffset - base),
            position: Int32(truncatingIfNeeded: position),
            size: header.sizeInBytes,
            maxTimestamp: header.maxTimestamp,
            interval: interval
        )
    }

    /// Goes on after the batch of the last entry, which stands in the index already.
    mutating func resume(at header: RecordBatchHeader, base: Int64) {
        noteTimestamp(header.maxTimestamp, at: Int32(truncatingIfNeeded: header.lastOffset - base))
        countBytes(header.sizeInBytes)
    }
}
