import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import SystemPackage

/// Opens a partition's directory: finds its segments, trusts what may be trusted and builds the rest again.
///
/// After a clean stop the indexes and the last snapshot hold, and only the end of the last segment is read. After any
/// other, every batch from the recovery point's segment on is read and checked; what follows the first one that is not
/// whole was never known to be durable and is cut off. Whatever this does can be interrupted and done again: nothing is
/// removed before what it depended on has been (LE-87, LE-88).
struct LogLoader {
    let directory: FilePath
    let partition: TopicPartition
    let configuration: LogConfiguration
    let fileSystem: any FileSystem
    let now: Int64
    var report: RecoveryReport

    var producers = ProducerTable()
    var epochs = LeaderEpochs()
    var epochsHaveChanged = false
    var sealed: [SealedSegment] = []

    init(
        directory: FilePath,
        partition: TopicPartition,
        configuration: LogConfiguration,
        fileSystem: any FileSystem,
        now: Int64,
        wasCleanShutdown: Bool
    ) {
        self.directory = directory
        self.partition = partition
        self.configuration = configuration
        self.fileSystem = fileSystem
        self.now = now
        report = RecoveryReport(wasCleanShutdown: wasCleanShutdown)
    }

    /// Makes an empty log, durably, or opens the one that is there.
    mutating func load(recoveryPoint: Int64, logStartOffset: Int64?) throws(LogError) -> LogState {
        if try attempt({ () throws(FileError) in try fileSystem.kind(of: directory) }) == nil {
            try attempt { () throws(FileError) in
                try fileSystem.createDirectory(directory)
                try fileSystem.synchronizeDirectory(directory.removingLastComponent())
            }
        }
        let contents = try sweep()
        try loadEpochs(contents)
        guard let first = contents.segments.first else {
            let start = logStartOffset ?? 0
            if recoveryPoint > start { throw endsBefore(recoveryPoint, at: start, segment: start, position: 0) }
            return try startAnew(at: start)
        }

        var scanFrom = contents.segments.count
        if !report.wasCleanShutdown {
            scanFrom = max(contents.segments.partitioningIndex { $0 > recoveryPoint } - 1, 0)
        }
        var aborted: [[AbortedTransaction]] = []
        for (index, base) in contents.segments.enumerated() where index < scanFrom {
            let files = SegmentFiles(baseOffset: base, directory: directory, fileSystem: fileSystem)
            guard contents.transactionIndexes.contains(base) else {
                aborted.append([])
                continue
            }
            if let entries = try attempt({ () throws(FileError) in try files.abortedTransactions() }) {
                aborted.append(entries)
            } else {
                // Which transactions were aborted can only be told by following the producers from here on.
                scanFrom = index
                noteRepair(files.path(.transactionIndex), .malformed)
            }
        }
        report.segmentCount = contents.segments.count
        let untouched = contents.segments[..<scanFrom]
        for (index, base) in untouched.enumerated() where index < contents.segments.count - 1 {
            sealed.append(try checkSealed(base, next: contents.segments[index + 1], aborted: aborted[index]))
        }

        var state: LogState
        if scanFrom == contents.segments.count, let last = contents.segments.last {
            let (active, end) = try openActive(last, aborted: aborted[scanFrom - 1])
            try loadProducers(contents.snapshots, upTo: end, segments: contents.segments)
            state = makeState(active, first: first, end: end)
        } else {
            try loadProducers(contents.snapshots, upTo: contents.segments[scanFrom], segments: contents.segments)
            let limit = report.wasCleanShutdown ? Int64.max : recoveryPoint
            let (active, end) = try scan(contents.segments, from: scanFrom, errorBefore: limit)
            state = makeState(active, first: first, end: end)
        }
        if state.logEndOffset < recoveryPoint {
            throw endsBefore(
                recoveryPoint,
                at: state.logEndOffset,
                segment: state.active.baseOffset,
                position: state.active.size
            )
        }
        try removeStraySnapshots(contents, end: state.logEndOffset)
        return try moveStart(of: state, to: logStartOffset ?? first)
    }

    func attempt<Result>(_ body: () throws(FileError) -> Result) throws(LogError) -> Result {
        do throws(FileError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }

    func path(_ kind: SegmentFileKind, _ baseOffset: Int64) -> FilePath {
        directory.appending(kind.fileName(baseOffset))
    }

    mutating func noteRepair(_ file: FilePath, _ reason: RecoveryReport.Repair.Reason) {
        report.repairs.append(RecoveryReport.Repair(file: file, reason: reason))
    }

    private func endsBefore(_ durable: Int64, at offset: Int64, segment: Int64, position: Int64) -> LogError {
        .corruptBatch(
            file: path(.log, segment),
            offset: offset,
            position: position,
            reason: .endsBefore(durable: durable)
        )
    }

    private mutating func sweep() throws(LogError) -> LogDirectory {
        do throws(FileError) {
            return try LogDirectory.sweep(directory, fileSystem, &report)
        } catch {
            throw .file(error)
        }
    }

    private mutating func loadEpochs(_ contents: LogDirectory) throws(LogError) {
        guard contents.hasLeaderEpochs else { return }
        let file = directory.appending(LeaderEpochs.fileName)
        let bytes = try attempt { () throws(FileError) in try WholeFile.read(file, fileSystem) } ?? []
        if let decoded = LeaderEpochs(decoding: bytes) {
            epochs = decoded
        } else {
            epochsHaveChanged = true
            noteRepair(file, .malformed)
        }
    }

    private func makeState(_ segment: ActiveSegment, first: Int64, end: Int64) -> LogState {
        var active = segment
        if active.size > 0 { (active.firstWriteMs, active.lastWriteMs) = (now, now) }
        return LogState(
            configuration: configuration,
            sealed: sealed,
            active: active,
            logStartOffset: first,
            logEndOffset: end,
            durableEndOffset: end,
            producers: configuration.deliberateFaults.contains(.forgetProducers) ? ProducerTable() : producers,
            epochs: epochs,
            epochsHaveChanged: epochsHaveChanged,
            directoryHasChanged: false
        )
    }

    private mutating func startAnew(at offset: Int64) throws(LogError) -> LogState {
        let files = SegmentFiles(baseOffset: offset, directory: directory, fileSystem: fileSystem)
        let log = try attempt { () throws(FileError) in
            let log = try fileSystem.open(files.path(.log), .create)
            try fileSystem.synchronizeDirectory(directory)
            return log
        }
        sealed = []
        producers = ProducerTable()
        epochsHaveChanged = epochsHaveChanged || !epochs.entries.isEmpty
        epochs = LeaderEpochs()
        report.segmentCount = 1
        let active = ActiveSegment(
            files: SegmentFiles(baseOffset: offset, directory: directory, fileSystem: fileSystem, log: log),
            log: log
        )
        return makeState(active, first: offset, end: offset)
    }

    /// Lets the log begin where records were deleted up to, and drops segments that lie before.
    private mutating func moveStart(of loaded: LogState, to start: Int64) throws(LogError) -> LogState {
        var state = loaded
        if start > state.logEndOffset {
            // What was deleted last had not become durable: the log goes on after it all the same.
            for segment in state.sealed { try attempt { () throws(FileError) in try segment.files.remove() } }
            try attempt { () throws(FileError) in
                try state.active.files.remove()
                try fileSystem.synchronizeDirectory(directory)
            }
            return try startAnew(at: start)
        }
        state.logStartOffset = max(start, state.logStartOffset)
        let trimmed = state.epochs.truncate(toEnd: state.logEndOffset)
        state.epochsHaveChanged = state.epochsHaveChanged || trimmed
        for segment in state.moveStart(to: state.logStartOffset) {
            try attempt { () throws(FileError) in
                try segment.files.remove()
                try fileSystem.removeFile(segment.files.path(.snapshot))
                try fileSystem.synchronizeDirectory(directory)
            }
        }
        if state.epochsHaveChanged {
            let file = directory.appending(LeaderEpochs.fileName)
            try attempt { () throws(FileError) in
                try WholeFile.replace(file, with: state.epochs.encoded, fileSystem)
            }
            state.epochsHaveChanged = false
        }
        return state
    }
}
