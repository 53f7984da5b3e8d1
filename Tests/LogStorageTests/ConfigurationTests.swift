import MillraceFileIO
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage
import Testing

@testable import MillraceLogStorage

@Suite("Settings and the files of a data directory")
struct ConfigurationTests {
    @Test(
        "Kafka's defaults are valid, and every setting can be read and set back by name",
        arguments: LogConfiguration.keys
    )
    func roundTrip(key: String) throws {
        var settings = LogConfiguration()
        try settings.validate()
        let value = try #require(settings.value(of: key))
        try settings.set(key, value)
        #expect(settings == LogConfiguration())
    }

    @Test(
        "settings have Kafka's defaults",
        arguments: [
            ("segment.bytes", "1073741824"), ("segment.ms", "604800000"), ("retention.ms", "604800000"),
            ("cleanup.policy", "delete"), ("compression.type", "producer"), ("max.message.bytes", "1048588"),
            ("flush.messages", "9223372036854775807"), ("message.timestamp.type", "CreateTime"),
            ("min.cleanable.dirty.ratio", "0.5"), ("preallocate", "false"),
            ("message.timestamp.after.max.ms", "3600000"), ("compression.gzip.level", "-1"),
            ("compression.lz4.level", "9"), ("compression.zstd.level", "3"),
        ]
    )
    func defaults(key: String, value: String) {
        #expect(LogConfiguration().value(of: key) == value)
    }

    @Test(
        "values that a setting can have are taken",
        arguments: [
            ("segment.bytes", "1000"), ("cleanup.policy", "compact,delete"), ("compression.type", "zstd"),
            ("compression.type", "uncompressed"), ("retention.ms", "-1"), ("flush.ms", "1000"), ("preallocate", "true"),
            ("message.timestamp.type", "LogAppendTime"), ("min.cleanable.dirty.ratio", "0.25"),
            ("compression.gzip.level", "1"), ("compression.gzip.level", "9"), ("compression.lz4.level", "17"),
            ("compression.zstd.level", "-131072"), ("compression.zstd.level", "22"),
        ]
    )
    func valid(key: String, value: String) throws {
        var settings = LogConfiguration()
        try settings.set(key, value)
        #expect(settings.value(of: key) == value)
        #expect(settings != LogConfiguration())
    }

    @Test(
        "values that a setting cannot have are refused with what is allowed",
        arguments: [
            ("segment.bytes", "13"), ("segment.bytes", "3000000000"), ("segment.bytes", "many"),
            ("cleanup.policy", "keep"),
            ("compression.type", "none"), ("retention.ms", "-2"), ("min.cleanable.dirty.ratio", "1.5"),
            ("preallocate", "1"),
            ("flush.messages", "0"), ("segment.ms", ""), ("compression.gzip.level", "0"),
            ("compression.gzip.level", "10"), ("compression.lz4.level", "0"), ("compression.lz4.level", "18"),
            ("compression.zstd.level", "23"), ("compression.zstd.level", "-131073"),
        ]
    )
    func invalid(key: String, value: String) throws {
        var settings = LogConfiguration()
        do {
            try settings.set(key, value)
            Issue.record("\(key) took \(value)")
        } catch {
            guard case .invalidValue(key, value, let allowed) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(!allowed.isEmpty)
        }
        #expect(settings == LogConfiguration())
    }

    @Test("an unknown setting is refused with the names there are")
    func unknown() {
        var settings = LogConfiguration()
        #expect(throws: LogConfigurationError.unknownKey("segment.byte", known: LogConfiguration.keys)) {
            try settings.set("segment.byte", "1")
        }
    }

    @Test("a setting that was set to nonsense in code is found by validation")
    func validation() {
        var settings = LogConfiguration()
        settings.segmentBytes = 3
        #expect(throws: LogConfigurationError.self) { try settings.validate() }
    }

    @Test("offset checkpoints are Kafka's text, replaced as a whole and durably")
    func checkpoints() throws {
        let fixture = LogFixture()
        let file = OffsetCheckpointFile(OffsetCheckpointFile.recoveryPoint, in: "/data", fixture.disk)
        #expect(try file.read() == [:])
        let offsets = [TopicPartition("b", 0): Int64(7), TopicPartition("a", 10): 0, TopicPartition("a", 2): 5]
        try file.write(offsets)
        let bytes = fixture.disk.durableBytes(of: "/data/recovery-point-offset-checkpoint")
        #expect(bytes == [UInt8]("0\n3\na 2 5\na 10 0\nb 0 7\n".utf8))
        #expect(try file.read() == offsets)
    }

    @Test(
        "a damaged checkpoint is an error that names the file",
        arguments: [
            "", "1\n0\n", "0\n2\na 0 1\n", "0\n1\na 0\n", "0\n1\na 0 x\n", "0\n2\na 0 1\na 0 2\n", "0\n1\na -1 5\n",
        ]
    )
    func damagedCheckpoint(text: String) throws {
        let fixture = LogFixture()
        let file = OffsetCheckpointFile(OffsetCheckpointFile.logStart, in: "/data", fixture.disk)
        try fixture.disk.overwrite("/data/log-start-offset-checkpoint", with: [UInt8](text.utf8))
        #expect(throws: DataDirectoryFileError.self) { try file.read() }
    }

    @Test("the mark of a clean stop comes and goes durably")
    func cleanShutdown() throws {
        let fixture = LogFixture()
        let file = CleanShutdownFile(in: "/data", fixture.disk)
        #expect(try !file.exists())
        try file.write(brokerEpoch: 4)
        #expect(
            fixture.disk.durableBytes(of: "/data/.kafka_cleanshutdown")
                == [UInt8](#"{"version":0,"brokerEpoch":4}"#.utf8)
        )
        #expect(try file.exists())
        try file.remove()
        #expect(try !file.exists())
        #expect(fixture.disk.crash(.loseAllUnsynced).bytes(of: "/data/.kafka_cleanshutdown") == nil)
    }

    @Test("meta.properties keeps what it does not know")
    func metaProperties() throws {
        let fixture = LogFixture()
        #expect(try MetaProperties.read(in: "/data", fixture.disk) == nil)
        let text = "#\n#Thu Jan 01 00:00:00 UTC 2026\nnode.id=3\nversion=1\ncluster.id=abc\nextra=a=b\n"
        try fixture.disk.overwrite("/data/meta.properties", with: [UInt8](text.utf8))
        var properties = try #require(try MetaProperties.read(in: "/data", fixture.disk))
        #expect(properties.nodeId == 3 && properties.clusterId == "abc" && properties.properties["extra"] == "a=b")
        properties.properties["cluster.id"] = "def"
        try properties.write(in: "/data", fixture.disk)
        #expect(try MetaProperties.read(in: "/data", fixture.disk) == properties)
    }

    @Test("leader epochs end where the next one begins")
    func leaderEpochs() {
        var epochs = LeaderEpochs()
        let assigned = [(1, 0), (3, 10), (3, 12), (2, 12), (5, 20)].map { epoch, start in
            epochs.assign(Int32(epoch), startOffset: Int64(start))
        }
        #expect(assigned == [true, true, false, false, true])
        func end(_ epoch: Int32) -> [Int64]? {
            epochs.endOffset(for: epoch, logEnd: 30).map { [Int64($0.epoch), $0.endOffset] }
        }
        #expect(end(0) == [0, 0])
        #expect(end(1) == [1, 10])
        #expect(end(2) == [1, 10])
        #expect(end(4) == [3, 20])
        #expect(end(5) == [5, 30])
        #expect(end(6) == nil)
        let isMoved = epochs.truncate(toStart: 15)
        #expect(isMoved)
        #expect(epochs.encoded == [UInt8]("0\n2\n3 15\n5 20\n".utf8))
        let isCut = epochs.truncate(toEnd: 20)
        #expect(isCut)
        #expect(epochs.encoded == [UInt8]("0\n1\n3 15\n".utf8))
    }
}
