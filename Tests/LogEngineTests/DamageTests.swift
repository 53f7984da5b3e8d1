import Glibc
import MillraceFileIO
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage
import Testing

@Suite("Damage, full disks and other owners")
struct DamageTests {
    let world = EngineWorld()
    let orders = TopicPartition("orders", 0)
    let others = TopicPartition("others", 0)

    private func open() throws -> EmbeddedBroker {
        let broker = try world.open()
        try broker.createTopic("orders", partitions: 1, configuration: [:])
        try broker.createTopic("others", partitions: 1, configuration: [:])
        return broker
    }

    @Test("a damaged batch is an error that names file and offset; other partitions are served")
    func damagedBatch() throws {
        let broker = try open()
        let second = try broker.append("a", to: orders).lastOffset + 1
        let position = try broker.partition(orders).log.sizeInBytes
        for value in ["b", "c", "d", "e"] { try broker.append(value, to: orders) }
        try broker.append("fine", to: others)
        try world.disk.flipBit(3, ofByteAt: Int(position) + 67, in: world.file(orders))
        let error = failure { () throws(BrokerError) in
            var buffer = ByteWriter(capacity: 64)
            let log = try broker.partition(orders).log
            do throws(LogError) {
                _ = try log.read(
                    from: second,
                    maximumBytes: 1 << 20,
                    upTo: .logEnd,
                    atLeastOneBatch: true,
                    into: &buffer
                )
            } catch {
                throw BrokerError(error)
            }
        }
        #expect(error?.code == .corruptMessage)
        #expect(error?.message.contains(world.file(orders).string) == true, "\(error?.message ?? "no error")")
        #expect(error?.message.contains("offset 1") == true, "\(error?.message ?? "no error")")
        #expect(try broker.values(of: others) == ["fine"])
    }

    @Test("damage in what was known to be durable is an error after an unclean stop too, and nothing is cut")
    func damageBelowRecoveryPoint() throws {
        let broker = try open()
        for value in ["a", "b", "c"] { try broker.append(value, to: orders) }
        broker.close()
        let size = world.disk.bytes(of: world.file(orders))?.count
        try world.disk.removeFile("/data/.kafka_cleanshutdown")
        try world.disk.flipBit(0, ofByteAt: 100, in: world.file(orders))
        #expect(code { () throws(BrokerError) in _ = try world.open() } == .corruptMessage)
        #expect(world.disk.bytes(of: world.file(orders))?.count == size)
    }

    @Test("a torn end after an unclean stop is cut and reported, and appending goes on there")
    func tornTail() throws {
        let broker = try open()
        try broker.append("a", to: orders)
        try broker.append("torn", to: orders)
        let killed = world.killed()
        let size = try #require(killed.disk.bytes(of: world.file(orders))?.count)
        try killed.disk.cut(world.file(orders), toBytes: size - 3)
        let reopened = try killed.open()
        let recovery = try reopened.partition(orders).log.recovery
        #expect(recovery.truncation?.offset == 1)
        #expect(recovery.truncation?.file == world.file(orders))
        #expect(try reopened.append("b", to: orders).baseOffset == 1)
        #expect(try reopened.values(of: orders) == ["a", "b"])
    }

    @Test("missing and cut indexes and snapshots are made anew")
    func indexes() throws {
        let broker = try open()
        try broker.alterTopic("orders", ["segment.bytes": "1024", "index.interval.bytes": "64"])
        let values = (0..<40).map { "value \($0) " + String(repeating: "x", count: 50) }
        for value in values { try broker.append(value, to: orders) }
        broker.close()
        let directory = world.file(orders).removingLastComponent()
        for entry in try world.disk.contents(of: directory) {
            let path = directory.appending(entry.name)
            if entry.name.hasSuffix(".index") { try world.disk.cut(path, toBytes: 5) }
            if entry.name.hasSuffix(".timeindex") || entry.name.hasSuffix(".snapshot") {
                try world.disk.removeFile(path)
            }
        }
        let reopened = try world.open()
        #expect(try reopened.partition(orders).log.segmentCount > 2)
        #expect(try reopened.values(of: orders) == values)
        #expect(try reopened.append("next", to: orders).baseOffset == 40)
    }

    @Test("a file in a partition's directory that is none of the log's is left alone")
    func foreignFile() throws {
        try open().close()
        let path = world.file(orders, "notes.txt")
        try world.disk.overwrite(path, with: [1, 2, 3])
        let reopened = try world.open()
        #expect(try reopened.partition(orders).log.recovery.foreignFiles == [path])
        #expect(world.disk.bytes(of: path) == [1, 2, 3])
    }

    @Test("a damaged topics file is an error that names the file")
    func topicsFile() throws {
        try open().close()
        try world.disk.overwrite("/data/topics", with: Array("version: 0\norders what\n".utf8))
        let error = failure { () throws(BrokerError) in _ = try world.open() }
        #expect(error?.code == .storageError)
        #expect(error?.message.contains("/data/topics") == true)
    }

    @Test("a full disk is a typed error; what is there is served, and when there is room producing goes on")
    func fullDisk() throws {
        let broker = try open()
        let producer = try broker.transactions.newProducerId()
        try broker.append("a", to: orders, producer: producer, sequence: 0)
        world.disk.limitSpace(toBytes: 0)
        #expect(throws: BrokerError.self) { try broker.append("b", to: orders, producer: producer, sequence: 1) }
        #expect(
            code { () throws(BrokerError) in
                try broker.createTopic("more", partitions: 1, configuration: [:])
            } == .storageError
        )
        #expect(
            code { () throws(BrokerError) in
                try broker.groups.commit([orders: CommittedOffset(offset: 1)], for: GroupMembership(groupId: "g"))
            } == .storageError
        )
        #expect(broker.groups.committedOffsets(of: "g").isEmpty)
        #expect(try broker.values(of: orders) == ["a"])
        world.disk.limitSpace(toBytes: nil)
        try broker.append("b", to: orders, producer: producer, sequence: 1)
        try broker.createTopic("more", partitions: 1, configuration: [:])
        #expect(try broker.values(of: orders) == ["a", "b"])
        broker.close()
        #expect(try world.open().values(of: orders) == ["a", "b"])
    }

    @Test(
        "a directory that cannot be written is a typed error",
        arguments: [FileError.Reason.readOnly, .permissionDenied]
    )
    func notWritable(reason: FileError.Reason) throws {
        try open().close()
        world.disk.fail(with: reason, on: .lock)
        #expect(code { () throws(BrokerError) in _ = try world.open() } == .storageError)
        world.disk.fail(with: reason, on: .remove)
        #expect(code { () throws(BrokerError) in _ = try world.open() } == .storageError)
        // Neither failure keeps the directory.
        try world.open().close()
    }

    @Test("after a failed synchronization a partition is read, but takes no more writes; the others do")
    func failedSynchronization() throws {
        let broker = try open()
        try broker.append("a", to: orders)
        let path = world.file(orders)
        world.disk.fail(with: .inputOutput(5), on: .synchronize) { $0 == path }
        #expect(code { () throws(BrokerError) in try broker.partition(orders).flush() } == .storageError)
        #expect(throws: BrokerError.self) { try broker.append("b", to: orders) }
        #expect(try broker.values(of: orders) == ["a"])
        try broker.append("fine", to: others)
        broker.close()
        #expect(try world.disk.kind(of: "/data/.kafka_cleanshutdown") == nil, "that was not a close in order")
    }

    @Test("any failing file call while opening is a typed error, leaves no open file, and the next try succeeds")
    func failuresWhileOpening() throws {
        try open().close()
        for call in stride(from: 0, through: .max, by: 3) {
            let copy = world.killed()
            copy.disk.fail(with: .inputOutput(5), skipping: call)
            do {
                let broker = try copy.open()
                let isDone = copy.disk.trace.allSatisfy { $0.refusal != .inputOutput(5) }
                broker.close()
                if isDone {
                    #expect(call > 10)
                    return
                }
            } catch {
                #expect(error.code != .closed, "call \(call): \(error)")
                #expect(copy.disk.openFileCount == 0, "call \(call) leaves a file open")
            }
            copy.disk.liftFaults()
            let again = failure { () throws(BrokerError) in try copy.open().close() }
            #expect(again == nil, "call \(call)")
        }
    }

    @Test("a data directory belongs to one broker at a time, in this process")
    func inUse() throws {
        let broker = try open()
        let error = failure { () throws(BrokerError) in _ = try world.open() }
        #expect(error?.code == .directoryInUse)
        #expect(error?.message.contains("/data") == true)
        try broker.append("a", to: orders)
        broker.close()
        #expect(try world.open().values(of: orders) == ["a"])
    }

    @Test("a data directory that another process holds is refused, until that process is gone")
    func inUseByProcess() throws {
        let directory = try LocalDirectory()
        try openLocal(directory).close()
        let lock = directory.path.appending(".lock").string
        var input: [Int32] = [0, 0]
        var output: [Int32] = [0, 0]
        try #require(pipe(&input) == 0 && pipe(&output) == 0)
        for end in input + output { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let words: [String] = ["/usr/bin/flock", lock, "/bin/sh", "-c", "echo held; read line"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var child: pid_t = 0
        let status = posix_spawn(&child, "/usr/bin/flock", &actions, nil, &arguments, environ)
        try #require(status == 0)
        close(output[1])
        var byte: UInt8 = 0
        let count = read(output[0], &byte, 1)
        #expect(count == 1)
        #expect(code { () throws(BrokerError) in _ = try openLocal(directory) } == .directoryInUse)
        close(input[1])
        var ending: Int32 = 0
        while waitpid(child, &ending, 0) == -1, errno == EINTR {}
        close(input[0])
        close(output[0])
        try openLocal(directory).close()
    }

    @Test("a broker that is dropped without close gives its directory up, in order", arguments: [true, false])
    func dropped(keepsHouse: Bool) throws {
        let directory = try LocalDirectory()
        do {
            let broker = try openLocal(directory, keepsHouse: keepsHouse)
            try broker.createTopic("orders", partitions: 1, configuration: [:])
            try broker.append("a", to: orders)
        }
        // The housekeeping thread may hold the last reference for a moment.
        let reopened = try openWhenFree(directory)
        #expect(try reopened.values(of: orders) == ["a"])
        #expect(try reopened.partition(orders).log.recovery.wasCleanShutdown)
        reopened.close()
    }

    private func openWhenFree(_ directory: LocalDirectory) throws(BrokerError) -> EmbeddedBroker {
        while true {
            do throws(BrokerError) {
                return try openLocal(directory)
            } catch {
                guard error.code == .directoryInUse else { throw error }
                sched_yield()
            }
        }
    }

    @Test("everything fails with a typed error after close, and closing again is fine")
    func closed() throws {
        let broker = try open()
        let held = try broker.partition(orders)
        let producer = try RawTransaction(broker, "t").producer
        broker.close()
        broker.close()
        broker.keepHouse()
        let codes: [BrokerError.Code?] = [
            code { () throws(BrokerError) in _ = try broker.partition(orders) },
            code { () throws(BrokerError) in try broker.createTopic("x", partitions: 1, configuration: [:]) },
            code { () throws(BrokerError) in try broker.deleteTopic("orders") },
            code { () throws(BrokerError) in try broker.alterTopic("orders", [:]) },
            code { () throws(BrokerError) in try broker.createPartitions(of: "orders", total: 2) },
            code { () throws(BrokerError) in try broker.deleteRecords(orders, before: 0) },
            code { () throws(BrokerError) in try held.flush() },
            code { () throws(BrokerError) in _ = try broker.transactions.initProducerId("u", timeout: .seconds(1)) },
            code { () throws(BrokerError) in _ = try broker.transactions.end("t", producer: producer, .abort) },
            code { () throws(BrokerError) in
                try broker.groups.commit([orders: CommittedOffset(offset: 0)], for: GroupMembership(groupId: "g"))
            },
        ]
        #expect(codes.allSatisfy { $0 == .closed }, "\(codes)")
        #expect(world.disk.openFileCount == 0)
    }

    @Test("how far logs are durable is written down every minute, so that recovery reads less and trusts more")
    func checkpoints() throws {
        let broker = try open()
        try broker.append("a", to: orders)
        try broker.partition(orders).flush()
        world.time.advance(by: .seconds(59))
        broker.keepHouse()
        let before = world.disk.bytes(of: "/data/recovery-point-offset-checkpoint")
        world.time.advance(by: .seconds(1))
        broker.keepHouse()
        #expect(world.disk.bytes(of: "/data/recovery-point-offset-checkpoint") != before)
        let killed = world.killed()
        try killed.disk.flipBit(0, ofByteAt: 65, in: world.file(orders))
        #expect(code { () throws(BrokerError) in _ = try killed.open() } == .corruptMessage)
    }

    private func openLocal(
        _ directory: LocalDirectory,
        keepsHouse: Bool = false
    ) throws(BrokerError) -> EmbeddedBroker {
        var configuration = BrokerConfiguration()
        configuration.housekeepingInterval = .microseconds(1)
        return try EmbeddedBroker(
            directory: directory.path,
            configuration: configuration,
            fileSystem: LocalFileSystem(),
            time: ManualTime(),
            random: SeededRandom(seed: 3),
            keepsHouse: keepsHouse
        )
    }
}

/// An empty directory on the real disk, which goes away with the value.
final class LocalDirectory {
    let path: FilePath

    init() throws {
        var template = Array("/tmp/millrace-engine-tests-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        path = FilePath(platformString: template)
    }

    deinit {
        try? LocalFileSystem().removeDirectory(path)
    }
}
