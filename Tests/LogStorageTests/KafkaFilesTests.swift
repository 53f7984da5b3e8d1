import KafkaFixtures
import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import SystemPackage
import Testing

@testable import MillraceLogStorage

/// A partition directory that Apache Kafka wrote, copied to a simulated disk, and what Kafka itself said about it.
struct KafkaDirectory: Sendable, CustomTestStringConvertible {
    let kafka: KafkaFixture
    let wasCleanShutdown: Bool

    static var all: [KafkaDirectory] { get throws { try KafkaFixture.names().map { try KafkaDirectory($0) } } }

    init(_ name: String) throws {
        kafka = try KafkaFixture(name)
        wasCleanShutdown = try kafka.wasStoppedInOrder()
    }

    var name: String { kafka.name }
    var seen: KafkaObservation { kafka.seen }
    var testDescription: String { name }

    func fixture() throws -> LogFixture {
        var fixture = LogFixture { $0.indexIntervalBytes = 512 }
        // Close to the records' own times, so that no producer counts as expired.
        fixture.time = ManualTime(milliseconds: 1_700_000_040_000)
        try fixture.disk.createDirectory(LogFixture.directory)
        for file in try kafka.fileNames() {
            try fixture.disk.overwrite(fixture.file(file), with: kafka.bytes(of: file))
        }
        return fixture
    }

    func open(_ fixture: LogFixture, clean: Bool? = nil) throws -> PartitionLog {
        let start = seen.logStartOffset
        return try fixture.open(clean: clean ?? wasCleanShutdown, logStartOffset: start == 0 ? nil : start)
    }
}

extension TestRecord {
    init(_ record: KafkaObservation.Record) {
        self.init(offset: record.offset, value: record.value, timestamp: record.timestamp, isControl: false)
    }
}

@Suite("Directories that Apache Kafka wrote")
struct KafkaFilesTests {
    @Test("a directory opens with Kafka's offsets", arguments: try KafkaDirectory.all)
    func offsets(directory: KafkaDirectory) throws {
        let expected = directory.seen
        let log = try directory.open(directory.fixture())
        #expect(log.logStartOffset == expected.logStartOffset)
        #expect(log.logEndOffset == expected.logEndOffset)
        #expect(log.lastStableOffset == expected.lastStableOffset)
        #expect(log.recovery.foreignFiles.isEmpty)
        if directory.wasCleanShutdown { #expect(log.recovery.repairs.isEmpty) }
    }

    @Test("a directory taken for crashed opens with the same", arguments: try KafkaDirectory.all)
    func offsetsAfterScan(directory: KafkaDirectory) throws {
        let expected = directory.seen
        let log = try directory.open(directory.fixture(), clean: false)
        #expect(log.logEndOffset == expected.logEndOffset)
        #expect(log.lastStableOffset == expected.lastStableOffset)
        #expect(try log.records().filter { !$0.isControl } == expected.readUncommitted.map { TestRecord($0) })
        #expect(
            try log.records(upTo: .lastStableOffset).filter { !$0.isControl }
                == expected.readCommitted.map { TestRecord($0) }
        )
    }

    @Test("a directory is read as Kafka's consumer reads it", arguments: try KafkaDirectory.all, [200, 1 << 20])
    func reads(directory: KafkaDirectory, maximumBytes: Int) throws {
        let expected = directory.seen
        let log = try directory.open(directory.fixture())
        #expect(
            try log.records(maximumBytes: maximumBytes).filter { !$0.isControl }
                == expected.readUncommitted.map { TestRecord($0) }
        )
        let committed = try log.records(upTo: .lastStableOffset, maximumBytes: maximumBytes)
        #expect(committed.filter { !$0.isControl } == expected.readCommitted.map { TestRecord($0) })
    }

    @Test("a read can begin at any offset", arguments: try KafkaDirectory.all)
    func readsFromAnywhere(directory: KafkaDirectory) throws {
        let log = try directory.open(directory.fixture())
        let all = try log.records()
        for offset in log.logStartOffset...log.logEndOffset {
            #expect(try log.records(from: offset) == all.filter { $0.offset >= offset }, "from \(offset)")
        }
    }

    @Test("records are found by time as Kafka finds them", arguments: try KafkaDirectory.all)
    func times(directory: KafkaDirectory) throws {
        let expected = directory.seen
        let log = try directory.open(directory.fixture())
        for query in try directory.kafka.timeQueries() {
            #expect(try log.offset(forTimestamp: query.timestamp)?.offset == query.offset, "\(query)")
        }
        let maximum = try log.offsetOfMaximumTimestamp()
        #expect(maximum?.offset == expected.maxTimestamp?.offset)
        #expect(maximum?.timestamp == expected.maxTimestamp?.timestamp)
    }

    @Test(
        "indexes that are built from the batches are Kafka's to the byte",
        // Kafka starts a new index interval when it is restarted, and has compacted indexes made at other places.
        arguments: try KafkaDirectory.all.filter {
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
        let directory = try KafkaDirectory(name)
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
        let fixture = try KafkaDirectory(name).fixture()
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
        let fixture = try KafkaDirectory("txn-1-0").fixture()
        let epochs = try #require(fixture.disk.bytes(of: fixture.file(LeaderEpochs.fileName)))
        #expect(LeaderEpochs(decoding: epochs)?.encoded == epochs)
        let metadata = try #require(fixture.disk.bytes(of: fixture.file(PartitionMetadata.fileName)))
        #expect(PartitionMetadata(decoding: metadata)?.encoded == metadata)
    }

    @Test("what follows the first batch that is not whole is cut off, and reported")
    func torn() throws {
        let directory = try KafkaDirectory("torn-0")
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
