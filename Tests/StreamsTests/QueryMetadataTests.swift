import Millrace
import MillracePrimitives
import Synchronization
import Testing

@Suite("What an application says of its tasks and stores", .short)
struct QueryMetadataTests {
    private static func topology() throws -> Topology {
        let builder = StreamsBuilder()
        _ = builder.globalTable("global", keys: .utf8, values: .utf8, store: "globals")
        let input = builder.stream("in", keys: .utf8, values: .utf8)
        _ = input.groupByKey().count(store: "counts")
        _ = input.groupByKey().windowedBy(.tumbling(size: .seconds(1), grace: .zero)).count(store: "windows")
        return try builder.build()
    }

    @Test("threads are told with their tasks, and tasks with their partitions and stores")
    func threads() async throws {
        let world = try await World(["in": 3, "global": 1])
        let running = RunningApplication(try Self.topology(), in: world) { $0.threads = 2 }
        #expect(running.application.threadMetadata.allSatisfy { $0.tasks.isEmpty } || running.history.count > 1)
        await running.reach(.running)
        let threads = running.application.threadMetadata
        #expect(threads.map(\.index) == [0, 1])
        #expect(threads.map(\.isReady) == [true, true])
        let tasks = threads.flatMap(\.tasks).sorted { $0.id < $1.id }
        #expect(tasks.map(\.id.partition) == [0, 1, 2])
        for (number, task) in tasks.enumerated() {
            #expect(task.partitions == [TopicPartition("in", Int32(number))])
            #expect(task.stores == ["counts", "windows"])
            #expect(
                task.changelogs.map(\.topic)
                    == ["\(World.applicationId)-counts-changelog", "\(World.applicationId)-windows-changelog"]
            )
        }
        try await running.stop()
        #expect(running.application.threadMetadata.allSatisfy { !$0.isReady && $0.tasks.isEmpty })
    }

    @Test("a store is told with its kind and with the partitions that can be asked here")
    func stores() async throws {
        let world = try await World(["in": 3, "global": 1])
        let running = RunningApplication(try Self.topology(), in: world)
        await running.reach(.running)
        let application = running.application
        let counts = try application.metadata(ofStore: "counts")
        #expect(counts.format.kind == .keyValue && !counts.isGlobal)
        #expect(counts.partitionCount == 3 && counts.localPartitions == [0, 1, 2])
        let globals = try application.metadata(ofStore: "globals")
        #expect(globals.isGlobal && globals.partitionCount == 1 && globals.localPartitions == [0])
        let known = ["counts", "globals", "windows"]
        #expect(throws: QueryError.unknownStore("sums", known: known)) { try application.metadata(ofStore: "sums") }
        try await running.stop()
    }

    @Test("lags are told for each partition of each store here")
    func lags() async throws {
        let world = try await World(["in": 2, "global": 1])
        let topology = try Self.topology()
        await #expect(throws: QueryError.notRunning) { try await world.application(topology).storeLags() }
        let running = RunningApplication(topology, in: world)
        await running.reach(.running)
        try await world.write([("a", "x"), ("b", "x"), ("c", "x")])
        while try await !running.application.lag().isEmpty { await Task.yield() }
        let lags = try await running.application.storeLags()
        #expect(
            lags.map { "\($0.store) \($0.partition)" } == [
                "counts 0", "counts 1", "globals 0", "windows 0", "windows 1",
            ]
        )
        #expect(lags.allSatisfy { $0.changelogOffsets == 0 && $0.inputOffsets == 0 })
        try await running.stop()
    }

    @Test("records that wait count as the lag of every store that they may change")
    func waitingRecords() async throws {
        let world = try await World(["in": 1, "global": 1])
        let gate = Gate()
        let builder = StreamsBuilder()
        _ = builder.stream("in", keys: .utf8, values: .utf8).peek { _, _ in gate.pass() }.groupByKey()
            .count(store: "counts")
        let running = RunningApplication(try builder.build(), in: world)
        await running.reach(.running)
        try await world.write([("a", "x"), ("b", "x"), ("c", "x")])
        let lags = try await running.application.storeLags()
        #expect(lags.map(\.store) == ["counts"])
        #expect(lags.map(\.changelogOffsets) == [0] && lags.map(\.inputOffsets) == [3])
        gate.open()
        try await running.stop()
    }

    @Test("a query of a task that is not set up in time is an error that says so")
    func restoring() async throws {
        let world = try await World(["in": 1])
        let gate = Gate()
        let store = Stores.keyValue("store", keys: .utf8, values: .utf8)
        let builder = StreamsBuilder()
        _ = builder.stream("in", keys: .utf8, values: .utf8)
            .process(stores: store) { (context: ProcessorContext<String, String>, store) in
                gate.pass()
                return Idle()
            }
        let running = RunningApplication(try builder.build(), in: world)
        await running.reach(.rebalancing)
        await #expect(throws: QueryError.restoring(store: "store", partition: 0)) {
            let options = QueryOptions(timeout: .milliseconds(100))
            // Until the application has prepared its topics it is not running.
            while true {
                do throws(QueryError) {
                    return try await running.application.keyValues(of: store, options: options).get("a")
                } catch {
                    guard error == .notRunning else { throw error }
                    await Task.yield()
                }
            }
        }
        gate.open()
        await running.reach(.running)
        #expect(try await running.application.keyValues(of: store).get("a") == nil)
        try await running.stop()
    }

    private final class Idle: Processor {
        func process(_ record: Record<String, String>) {}
    }
}

/// Holds up whoever passes, until it is opened.
private final class Gate: Sendable {
    private let condition = Condition()
    private let isOpen = Atomic<Bool>(false)

    func pass() { condition.wait { isOpen.load(ordering: .acquiring) } }

    func open() {
        isOpen.store(true, ordering: .releasing)
        condition.broadcast()
    }
}
