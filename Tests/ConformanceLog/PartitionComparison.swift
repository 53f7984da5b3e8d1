import Foundation
import KafkaFixtures
import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage

/// Compares a copy of one partition directory, opened in one way, with what Kafka saw in it.
struct PartitionComparison {
    /// How the log is opened.
    enum Way {
        /// As a log that was closed in order: what its files say is trusted.
        case closed
        /// As a log whose process was killed: every batch is checked.
        case killed
        /// As one that was killed, opened, closed in order and opened again: from the files that we wrote beside the batches.
        case openedBefore

        var circumstance: String {
            switch self {
            case .closed: "opened"
            case .killed: "opened after a crash"
            case .openedBefore: "opened again"
            }
        }
    }

    /// The ways in which a directory can be opened: only one that was closed in order can be taken for it.
    static func ways(for fixture: KafkaFixture) throws -> [Way] {
        try fixture.wasStoppedInOrder() ? [.closed, .killed, .openedBefore] : [.killed, .openedBefore]
    }

    private let fixture: KafkaFixture
    private let way: Way
    private let copy: URL
    private var differences: Differences

    init(_ fixture: KafkaFixture, _ way: Way) throws {
        self.fixture = fixture
        self.way = way
        let name = "millrace-conformance-\(UUID().uuidString)"
        copy = FileManager.default.temporaryDirectory.appending(path: name)
        differences = Differences(way.circumstance)
    }

    private var seen: KafkaObservation { fixture.seen }

    /// Copies the directory, opens and compares it.
    consuming func run() throws -> [Difference] {
        try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: copy) }
        for file in try fixture.fileNames() {
            // Not copied as a file: the original may be read-only, and its copy would be.
            try Data(fixture.bytes(of: file)).write(to: copy.appending(path: file))
        }
        let log: PartitionLog
        let recovery: RecoveryReport
        switch way {
        case .closed:
            log = try open(isClean: true)
            recovery = log.recovery
        case .killed:
            log = try open(isClean: false)
            recovery = log.recovery
        case .openedBefore:
            let before = try open(isClean: false)
            recovery = before.recovery
            try before.close(clean: true)
            log = try open(isClean: true)
        }
        compareOffsets(log)
        try compareTimes(log)
        compareRecords("read uncommitted", seen.readUncommitted, try log.recordsRead(upTo: .highWatermark))
        compareRecords("read committed", seen.readCommitted, try log.recordsRead(upTo: .lastStableOffset))
        try compareBatches(recovery)
        try log.close(clean: true)
        return differences.all
    }

    private func open(isClean: Bool) throws -> PartitionLog {
        var configuration = LogConfiguration()
        for (key, value) in seen.topicConfig where LogConfiguration.keys.contains(key) {
            try configuration.set(key, value)
        }
        // By the clock of the last batch, so that no producer counts as expired.
        let now = seen.batches.map(\.maxTimestamp).max() ?? 0
        return try PartitionLog.open(
            directory: FilePath(copy.path),
            partition: TopicPartition(seen.topic, seen.partition),
            configuration: configuration,
            fileSystem: LocalFileSystem(),
            time: ManualTime(milliseconds: now),
            topicId: nil,
            recoveryPoint: 0,
            wasCleanShutdown: isClean,
            // Kafka keeps it in a file of the data directory, which is not here.
            logStartOffset: seen.logStartOffset == 0 ? nil : seen.logStartOffset
        )
    }

    private mutating func compareOffsets(_ log: PartitionLog) {
        differences.compare("logStartOffset", expected: seen.logStartOffset, got: log.logStartOffset)
        differences.compare("logEndOffset", expected: seen.logEndOffset, got: log.logEndOffset)
        differences.compare("highWatermark", expected: seen.highWatermark, got: log.highWatermark)
        differences.compare("lastStableOffset", expected: seen.lastStableOffset, got: log.lastStableOffset)
    }

    private mutating func compareTimes(_ log: PartitionLog) throws {
        let maximum = try log.offsetOfMaximumTimestamp()
        differences.compare("maxTimestamp", expected: seen.maxTimestamp?.timestamp, got: maximum?.timestamp)
        differences.compare("maxTimestamp, its offset", expected: seen.maxTimestamp?.offset, got: maximum?.offset)
        for query in try fixture.timeQueries() {
            let found = try log.offset(forTimestamp: query.timestamp)
            let what = "offsetForTimestamp \(query.timestamp)"
            differences.compare(what, expected: query.offset, got: found?.offset)
            differences.compare("\(what), recordTimestamp", expected: query.recordTimestamp, got: found?.timestamp)
        }
    }

    private mutating func compareRecords(
        _ what: String,
        _ expected: [KafkaObservation.Record],
        _ got: [KafkaObservation.Record]
    ) {
        differences.compare(
            "\(what), offset",
            expected: expected.map(\.normalized),
            got: got,
            by: { $0.offset },
            fields: [
                ("timestamp", { text($0.timestamp) }), ("key", { text($0.key) }), ("value", { text($0.value) }),
                ("headers", { text($0.headers) }), ("producerId", { text($0.producerId) }),
                ("producerEpoch", { text($0.producerEpoch) }), ("sequence", { text($0.sequence) }),
            ]
        )
    }

    private mutating func compareBatches(_ recovery: RecoveryReport) throws {
        let got = try batches(recovery)
        differences.compare(
            "batch at",
            expected: seen.batches,
            got: got,
            by: { "\($0.file):\($0.position)" },
            fields: [
                ("sizeInBytes", { text($0.sizeInBytes) }), ("baseOffset", { text($0.baseOffset) }),
                ("lastOffset", { text($0.lastOffset) }), ("recordCount", { text($0.recordCount) }),
                ("partitionLeaderEpoch", { text($0.partitionLeaderEpoch) }), ("crc", { text($0.crc) }),
                ("compression", { $0.compression }), ("timestampType", { $0.timestampType }),
                ("maxTimestamp", { text($0.maxTimestamp) }), ("isTransactional", { text($0.isTransactional) }),
                ("isControl", { text($0.isControl) }), ("producerId", { text($0.producerId) }),
                ("producerEpoch", { text($0.producerEpoch) }), ("baseSequence", { text($0.baseSequence) }),
                ("lastSequence", { text($0.lastSequence) }), ("deleteHorizonMs", { text($0.deleteHorizonMs) }),
                ("control", { text($0.control) }),
            ]
        )
    }

    /// The batches in the files, as opening the log left them. Files that lie before the log's start are removed then,
    /// which is nothing that a list of Kafka's would have to show: they are taken from the original.
    private mutating func batches(_ recovery: RecoveryReport) throws -> [KafkaObservation.Batch] {
        let removed = Set(recovery.removedSegments.compactMap { $0.lastComponent?.string })
        var batches: [KafkaObservation.Batch] = []
        for file in try fixture.fileNames() where file.hasSuffix(".log") && !removed.contains(file) {
            let here = try? Data(contentsOf: copy.appending(path: file))
            let bytes = try here.map { [UInt8]($0) } ?? fixture.bytes(of: file)
            try bytes.withUnsafeBytes { bytes in
                var walk = RecordBatches(bytes)
                var position = 0
                while let batch = try walk.next() {
                    batches.append(try KafkaObservation.Batch(batch, file: file, position: position))
                    position = walk.position
                }
                differences.compare("size of \(file) in whole batches", expected: bytes.count, got: position)
            }
        }
        return batches
    }
}
