import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import SystemPackage

/// A look into the files of a partition as they lie there, without opening the log: for tools that show and check them.
package enum LogInspection {
    /// What a file of a partition directory holds, by its name.
    package enum Content: Hashable, Sendable {
        case log(baseOffset: Int64)
        case offsetIndex(baseOffset: Int64)
        case timeIndex(baseOffset: Int64)
        case transactionIndex(baseOffset: Int64)
        case snapshot(offset: Int64)
        case leaderEpochs
        case partitionMetadata
    }

    /// What a file of this name holds; nil if it is none of a log's.
    package static func content(ofFile name: String) -> Content? {
        if name == LeaderEpochs.fileName { return .leaderEpochs }
        if name == PartitionMetadata.fileName { return .partitionMetadata }
        guard let (offset, kind) = SegmentFileKind.parse(name) else { return nil }
        switch kind {
        case .log: return .log(baseOffset: offset)
        case .offsetIndex: return .offsetIndex(baseOffset: offset)
        case .timeIndex: return .timeIndex(baseOffset: offset)
        case .transactionIndex: return .transactionIndex(baseOffset: offset)
        case .snapshot: return .snapshot(offset: offset)
        }
    }

    /// Where a walk over a segment ended before the segment's end, and why.
    package struct Damage: Hashable, Sendable {
        package var position: Int64
        /// The offset that should have come there.
        package var offset: Int64
        package var reason: BatchDefect
    }

    /// Walks over the batches of a `.log`, checking each.
    ///
    /// - Parameters:
    ///   - size: where to stop; the file may grow meanwhile.
    ///   - nextOffset: the least offset that the first batch may have.
    ///   - body: gets each batch and the byte where it begins; it returns whether to go on.
    /// - Returns: what ended the walk early; nil if it reached the end or `body` ended it. And the offset that would
    ///   come next.
    package static func walk(
        _ file: any File,
        baseOffset: Int64,
        size: Int64,
        nextOffset: Int64,
        _ body: (RecordBatch, Int64) -> Bool
    ) throws(FileError) -> (damage: Damage?, nextOffset: Int64) {
        var scanner = SegmentScanner(file, baseOffset: baseOffset, from: 0, size: size, nextOffset: nextOffset)
        do throws(SegmentScanError) {
            while try scanner.next({ (batch, position) throws(SegmentScanError) in body(batch, position) }) == true {}
            return (nil, scanner.nextOffset)
        } catch {
            switch error {
            case .file(let failure): throw failure
            case .defect(let reason):
                let damage = Damage(position: scanner.position, offset: scanner.nextOffset, reason: reason)
                return (damage, scanner.nextOffset)
            }
        }
    }

    /// The marker that a control batch carries; nil if it carries none.
    package static func marker(of batch: RecordBatch) throws(RecordFormatError) -> EndTransactionMarker? {
        try batch.endTransactionMarker()
    }

    /// An entry of a `.index`: the batch with this last offset begins at this byte.
    package struct OffsetEntry: Hashable, Sendable {
        package var offset: Int64
        package var position: Int64
    }

    /// The entries of a `.index`, up to the zeros that a crash of Kafka leaves at the end; nil if it is of no whole
    /// number of entries.
    package static func offsetIndex(_ bytes: [UInt8], baseOffset: Int64) -> [OffsetEntry]? {
        entries(bytes, OffsetIndexEntry.self)?.map { entry in
            OffsetEntry(offset: baseOffset + Int64(entry.relativeOffset), position: Int64(entry.position))
        }
    }

    /// An entry of a `.timeindex`: no record up to this offset is later than this.
    package struct TimeEntry: Hashable, Sendable {
        package var timestamp: Int64
        package var offset: Int64
    }

    /// The entries of a `.timeindex`, up to the zeros that a crash of Kafka leaves at the end; nil if it is of no whole
    /// number of entries.
    package static func timeIndex(_ bytes: [UInt8], baseOffset: Int64) -> [TimeEntry]? {
        entries(bytes, TimeIndexEntry.self)?.map { entry in
            TimeEntry(timestamp: entry.timestamp, offset: baseOffset + Int64(entry.relativeOffset))
        }
    }

    private static func entries<Entry: IndexEntry>(_ bytes: [UInt8], _ type: Entry.Type) -> [Entry]? {
        guard bytes.count.isMultiple(of: Entry.size) else { return nil }
        var end = bytes.count
        // Preallocated space that was never used; an entry of zeros could only be the first.
        while end > Entry.size, bytes[(end - Entry.size)..<end].allSatisfy({ $0 == 0 }) { end -= Entry.size }
        return bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: end, by: Entry.size).map { Entry(bytes, at: $0) }
        }
    }

    /// The entries of a `.txnindex`; nil if it is damaged.
    package static func transactionIndex(_ bytes: [UInt8]) -> [AbortedTransaction]? {
        bytes.withUnsafeBytes { AbortedTransaction.decode($0) }
    }

    /// The producers in a `.snapshot`; nil if it is damaged.
    package static func snapshot(_ bytes: [UInt8]) -> [ProducerDescription]? {
        bytes.withUnsafeBytes { ProducerSnapshot.decode($0) }?.map { ProducerDescription($0) }
    }

    /// Epoch and first offset of each leader; nil if the file is damaged.
    package static func leaderEpochs(_ bytes: [UInt8]) -> [(epoch: Int32, startOffset: Int64)]? {
        LeaderEpochs(decoding: bytes)?.entries.map { ($0.epoch, $0.startOffset) }
    }
}

extension ProducerDescription {
    init(_ state: ProducerState) {
        self.init(
            producer: ProducerIdentity(id: state.id, epoch: state.epoch),
            lastSequence: state.recent.newest?.lastSequence ?? -1,
            lastTimestamp: state.lastActivity,
            coordinatorEpoch: state.coordinatorEpoch,
            transactionFirstOffset: state.transactionFirstOffset
        )
    }
}
