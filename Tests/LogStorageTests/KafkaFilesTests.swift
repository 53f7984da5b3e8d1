import Foundation
import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@testable import MillraceLogStorage

/// A partition directory that Apache Kafka wrote, copied to a simulated disk, and what Kafka itself said about it.
struct KafkaDirectory: Sendable, CustomTestStringConvertible {
    enum Problem: Error { case missingFixture(String) }

    let name: String
    let wasCleanShutdown: Bool

    static let all: [KafkaDirectory] = [
        KafkaDirectory(name: "codec-none-0"), KafkaDirectory(name: "compacted-0"),
        KafkaDirectory(name: "compacted-gzip-0"),
        KafkaDirectory(name: "compacted-txn-0"), KafkaDirectory(name: "crashed-txn-0", wasCleanShutdown: false),
        KafkaDirectory(name: "torn-0", wasCleanShutdown: false), KafkaDirectory(name: "trimmed-0"),
        KafkaDirectory(name: "txn-1-0"), KafkaDirectory(name: "txn-1-1"), KafkaDirectory(name: "txn-epoch-0"),
        KafkaDirectory(name: "restarted-0"),
    ]

    init(name: String, wasCleanShutdown: Bool = true) {
        self.name = name
        self.wasCleanShutdown = wasCleanShutdown
    }

    var testDescription: String { name }

    private static var root: FilePath {
        get throws {
            guard let path = Bundle.module.resourcePath else { throw Problem.missingFixture("all") }
            return FilePath(path).appending("Fixtures")
        }
    }

    func fixture() throws -> LogFixture {
        let local = LocalFileSystem()
        var fixture = LogFixture { $0.indexIntervalBytes = 512 }
        // Close to the records' own times, so that no producer counts as expired.
        fixture.time = ManualTime(milliseconds: 1_700_000_040_000)
        try fixture.disk.createDirectory(LogFixture.directory)
        let directory = try Self.root.appending(name)
        for entry in try local.contents(of: directory) {
            guard let bytes = try WholeFile.read(directory.appending(entry.name), local) else { continue }
            try fixture.disk.overwrite(fixture.file(entry.name), with: bytes)
        }
        return fixture
    }

    func open(_ fixture: LogFixture, clean: Bool? = nil) throws -> PartitionLog {
        let start = try expectation().logStartOffset
        return try fixture.open(clean: clean ?? wasCleanShutdown, logStartOffset: start == 0 ? nil : start)
    }

    struct Expectation {
        var logStartOffset: Int64 = -1
        var logEndOffset: Int64 = -1
        var lastStableOffset: Int64 = -1
        var maximum: (timestamp: Int64, offset: Int64) = (-1, -1)
        var times: [(timestamp: Int64, offset: Int64?)] = []
        var all: [TestRecord] = []
        var committed: [TestRecord] = []
    }

    /// What stands in `<name>.txt`: one fact a line.
    func expectation() throws -> Expectation {
        guard let bytes = try WholeFile.read(Self.root.appending(name + ".txt"), LocalFileSystem()) else {
            throw Problem.missingFixture(name)
        }
        var expectation = Expectation()
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
            func number(_ index: Int) -> Int64? { Int64(fields[index]) }
            func record() -> TestRecord {
                TestRecord(
                    offset: number(1) ?? -1,
                    value: fields[3].hasPrefix("+") ? String(fields[3].dropFirst()) : nil,
                    timestamp: number(2) ?? -1,
                    isControl: false
                )
            }
            switch fields[0] {
            case "start": expectation.logStartOffset = number(1) ?? -1
            case "end": expectation.logEndOffset = number(1) ?? -1
            case "stable": expectation.lastStableOffset = number(1) ?? -1
            case "max": expectation.maximum = (number(1) ?? -1, number(2) ?? -1)
            case "time": expectation.times.append((number(1) ?? -1, number(2)))
            case "all": expectation.all.append(record())
            case "committed": expectation.committed.append(record())
            default: throw Problem.missingFixture(String(line))
            }
        }
        return expectation
    }
}

@Suite("Directories that Apache Kafka wrote")
struct KafkaFilesTests {
    @Test("a directory opens with Kafka's offsets", arguments: KafkaDirectory.all)
    func offsets(directory: KafkaDirectory) throws {
        let expected = try directory.expectation()
        let log = try directory.open(directory.fixture())
        #expect(log.logStartOffset == expected.logStartOffset)
        #expect(log.logEndOffset == expected.logEndOffset)
        #expect(log.lastStableOffset == expected.lastStableOffset)
        #expect(log.recovery.foreignFiles.isEmpty)
        if directory.wasCleanShutdown { #expect(log.recovery.repairs.isEmpty) }
    }

    @Test("a directory taken for crashed opens with the same", arguments: KafkaDirectory.all)
    func offsetsAfterScan(directory: KafkaDirectory) throws {
        let expected = try directory.expectation()
        let log = try directory.open(directory.fixture(), clean: false)
        #expect(log.logEndOffset == expected.logEndOffset)
        #expect(log.lastStableOffset == expected.lastStableOffset)
        #expect(try log.records().filter { !$0.isControl } == expected.all)
        #expect(try log.records(upTo: .lastStableOffset).filter { !$0.isControl } == expected.committed)
    }

    @Test("a directory is read as Kafka's consumer reads it", arguments: KafkaDirectory.all, [200, 1 << 20])
    func reads(directory: KafkaDirectory, maximumBytes: Int) throws {
        let expected = try directory.expectation()
        let log = try directory.open(directory.fixture())
        #expect(try log.records(maximumBytes: maximumBytes).filter { !$0.isControl } == expected.all)
        let committed = try log.records(upTo: .lastStableOffset, maximumBytes: maximumBytes)
        #expect(committed.filter { !$0.isControl } == expected.committed)
    }

    @Test("a read can begin at any offset", arguments: KafkaDirectory.all)
    func readsFromAnywhere(directory: KafkaDirectory) throws {
        let log = try directory.open(directory.fixture())
        let all = try log.records()
        for offset in log.logStartOffset...log.logEndOffset {
            #expect(try log.records(from: offset) == all.filter { $0.offset >= offset }, "from \(offset)")
        }
    }

    @Test("records are found by time as Kafka finds them", arguments: KafkaDirectory.all)
    func times(directory: KafkaDirectory) throws {
        let expected = try directory.expectation()
        let log = try directory.open(directory.fixture())
        for query in expected.times {
            #expect(try log.offset(forTimestamp: query.timestamp)?.offset == query.offset, "\(query)")
        }
        let maximum = try log.offsetOfMaximumTimestamp()
        #expect(maximum?.offset == expected.maximum.offset)
        #expect(maximum?.timestamp == expected.maximum.timestamp)
    }

    @Test(
        "indexes that are built from the batches are Kafka's to the byte",
        // Kafka starts a new index interval when it is restarted, and has compacted indexes made at other places.
        arguments: KafkaDirectory.all.filter {
            $0.wasCleanShutdown && !$0.name.hasPrefix("compacted") && !$0.name.hasPrefix("restarted")
        }
    )
    func indexBytes(directory: KafkaDirectory) throws {
        let original = try directory.fixture()
        let rebuilt = try directory.fixture()
        let names = try rebuilt.disk.contents(of: LogFixture.directory).map(\.name)
        for name in names where name.hasSuffix("index") { try rebuilt.disk.removeFile(rebuilt.file(name)) }
        try directory.open(rebuilt, clean: false).close(clean: true)
        for name in names where name.hasSuffix("index") || name.hasSuffix(".log") {
            #expect(
                rebuilt.disk.bytes(of: rebuilt.file(name)) == original.disk.bytes(of: original.file(name)),
                "\(name)"
            )
        }
        let after = try rebuilt.disk.contents(of: LogFixture.directory).map(\.name)
        #expect(after.filter { $0.hasSuffix("index") } == names.filter { $0.hasSuffix("index") })
    }

    @Test(
        "producers' states that are built from the batches are Kafka's",
        arguments: ["txn-1-0", "txn-1-1", "txn-epoch-0"]
    )
    func producerStates(name: String) throws {
        let directory = KafkaDirectory(name: name)
        let kept = try directory.open(directory.fixture()).describeProducers()
        let fixture = try directory.fixture()
        for entry in try fixture.disk.contents(of: LogFixture.directory) where entry.name.hasSuffix(".snapshot") {
            try fixture.disk.removeFile(fixture.file(entry.name))
        }
        var replayed = try directory.open(fixture).describeProducers()
        #expect(!kept.isEmpty)
        // Kafka counts from the records' timestamps; here a producer was last heard of when its batches were read.
        for index in replayed.indices { replayed[index].lastTimestamp = kept[index].lastTimestamp }
        #expect(replayed == kept)
    }

    @Test(
        "a snapshot that Kafka wrote is written again byte by byte",
        arguments: ["txn-1-0", "txn-1-1", "compacted-txn-0"]
    )
    func snapshots(name: String) throws {
        let fixture = try KafkaDirectory(name: name).fixture()
        var count = 0
        for entry in try fixture.disk.contents(of: LogFixture.directory) where entry.name.hasSuffix(".snapshot") {
            let bytes = try #require(fixture.disk.bytes(of: fixture.file(entry.name)))
            let states = try #require(bytes.withUnsafeBytes { ProducerSnapshot.decode($0) })
            let byId = Dictionary(uniqueKeysWithValues: states.map { ($0.id, $0) })
            let written = ProducerSnapshot.encode(byId)
            // Kafka's order is that of a hash table, ours that of the ids.
            let sorted = written[10...].chunks(of: 46).sorted { $0.lexicographicallyPrecedes($1) }
            #expect(sorted == bytes[10...].chunks(of: 46).sorted { $0.lexicographicallyPrecedes($1) })
            #expect(written.prefix(2) == bytes.prefix(2) && written[6..<10] == bytes[6..<10])
            if states.count == 1 { #expect(written == bytes) }
            count += 1
        }
        #expect(count > 0)
    }

    @Test("the checkpoints beside the segments are read and written as Kafka does")
    func checkpoints() throws {
        let fixture = try KafkaDirectory(name: "txn-1-0").fixture()
        let epochs = try #require(fixture.disk.bytes(of: fixture.file(LeaderEpochs.fileName)))
        #expect(LeaderEpochs(decoding: epochs)?.encoded == epochs)
        let metadata = try #require(fixture.disk.bytes(of: fixture.file(PartitionMetadata.fileName)))
        #expect(PartitionMetadata(decoding: metadata)?.encoded == metadata)
    }

    @Test(
        "compacting a directory that Kafka wrote keeps each key's last value, and Kafka's rules",
        arguments: KafkaDirectory.all
    )
    func compaction(directory: KafkaDirectory) throws {
        var fixture = try directory.fixture()
        fixture.configuration.cleanupPolicy = .compact
        fixture.configuration.segmentBytes = 3_000
        let log = try directory.open(fixture)
        let (end, stable) = (log.logEndOffset, log.lastStableOffset)
        func table() throws -> [String: String] { try log.table().filter { $0.key != "(none)" } }
        let before = try table()
        // A horizon that Kafka has set has passed by the time of the first pass.
        let isFirstPass = try log.headers.allSatisfy { !$0.attributes.hasDeleteHorizon }
        let tombstones = try log.keyed.filter { $0.value == nil }
        let last = Dictionary(try log.keyed.map { ($0.key, $0.offset) }, uniquingKeysWith: max)
        for now: Int64 in [1_800_000_000_000, 1_900_000_000_000, 2_000_000_000_000] {
            _ = try log.compact(now: now)
            #expect(try table() == before, "at \(now)")
            #expect(log.logEndOffset == end && log.lastStableOffset == stable)
            let stableKeys = try log.records(upTo: .lastStableOffset).filter { !$0.isControl }.map(\.offset)
            let kept = try log.keyed.filter { stableKeys.contains($0.offset) }
            if now == 1_800_000_000_000, isFirstPass, stable == end,
                tombstones.contains(where: { last[$0.key] == $0.offset })
            {
                #expect(kept.contains { $0.value == nil }, "tombstones outlive the pass that finds them")
            }
            #expect(Set(kept.map(\.key)).count == kept.count || stable < end, "a key has one record")
            // Something new, so that there is another pass.
            try log.put("new", "\(now)")
            try log.append(KeyedBatch(("new", nil)))
            _ = try log.truncate(to: end)
        }
        try log.close(clean: true)
        #expect(try directory.open(fixture, clean: true).table().filter { $0.key != "(none)" } == before)
    }

    @Test("what follows the first batch that is not whole is cut off, and reported")
    func torn() throws {
        let directory = KafkaDirectory(name: "torn-0", wasCleanShutdown: false)
        let fixture = try directory.fixture()
        let log = try directory.open(fixture)
        let truncation = try #require(log.recovery.truncation)
        #expect(truncation.offset == 67)
        #expect(truncation.position == 2492)
        #expect(truncation.bytesRemoved == 2732 - 2492)
        #expect(truncation.file == fixture.file(LogFixture.logName(0)))
        #expect(fixture.disk.bytes(of: truncation.file)?.count == 2492)
    }
}

extension Collection {
    func chunks(of size: Int) -> [SubSequence] {
        var rest = self[...]
        var chunks: [SubSequence] = []
        while !rest.isEmpty {
            chunks.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return chunks
    }
}
