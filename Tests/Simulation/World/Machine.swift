import Logging
import MillraceEmbeddedClient
import MillraceFileIO
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage

/// A machine with a disk, a clock and one broker. Crashes replace the disk by what survives. Used by one thread.
final class Machine {
    private(set) var disk: SimulatedFileSystem
    let time = ManualTime()
    private var random: SeededRandom
    private let sabotage: Sabotage
    private var opened: EmbeddedBroker?
    /// After a failed synchronisation the page cache shows what the disk does not have. Whoever reads it after a killed
    /// process cannot know, so that only power loss, which shows the truth, can follow.
    private(set) var hasFailedSynchronization = false
    private var faultsBefore = 0

    init(seed: UInt64, sabotage: Sabotage) {
        disk = SimulatedFileSystem(seed: seed)
        random = SeededRandom(seed: seed)
        self.sabotage = sabotage
    }

    /// The broker; nil between a failed opening and the next.
    var broker: EmbeddedBroker? { opened }

    /// Whether calls have failed since the last start, or since `endFaults`.
    var hasMetFaults: Bool { disk.faultCount > faultsBefore }

    private var fileSystem: any FileSystem {
        guard let forgotten = sabotage.forgottenFiles else { return disk }
        return ForgetfulFileSystem(disk, forgetting: forgotten)
    }

    func open() throws(BrokerError) {
        var configuration = BrokerConfiguration()
        configuration.topicDefaults = ["segment.bytes": "1500", "index.interval.bytes": "300"]
        configuration.deliberateFaults = sabotage.engine
        opened = try EmbeddedBroker(
            directory: Place.directory,
            configuration: configuration,
            fileSystem: fileSystem,
            time: time,
            random: SeededRandom(seed: random.next()),
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() },
            keepsHouse: false
        )
    }

    /// Makes the topics, with small segments for the broker's own ones too.
    func makeTopics() throws(BrokerError) {
        guard let broker = opened else { return }
        try broker.createTopic("input", partitions: Int32(Place.inputs.count), configuration: [:])
        try broker.createTopic("output", partitions: Int32(Place.outputs.count), configuration: [:])
        // Segments so small that every pass of the cleaner finds some, and a time so short that markers and tombstones go.
        var compacted = [
            "segment.bytes": "1000", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "3000",
        ]
        for topic in ["__transaction_state", "__consumer_offsets"] { try broker.alterTopic(topic, compacted) }
        compacted["cleanup.policy"] = "compact"
        compacted["segment.bytes"] = "300"
        try broker.createTopic("table", partitions: Int32(Place.tables.count), configuration: compacted)
    }

    func close() {
        opened?.close()
        opened = nil
    }

    func add(_ fault: Fault) {
        if fault.call == .synchronize { hasFailedSynchronization = true }
        let operation: FileError.Operation =
            switch fault.call {
            case .write: .write
            case .synchronize: .synchronize
            case .rename: .rename
            case .open: .open
            case .truncate: .truncate
            case .remove: .remove
            }
        let target = fault.target.rawValue
        disk.fail(
            with: fault.isNoSpace ? .noSpace : .inputOutput(Errno.ioError.rawValue),
            on: operation,
            skipping: fault.skipping,
            times: fault.times
        ) { path in target.isEmpty || path.string.contains(target) }
    }

    /// No call fails from now on.
    func endFaults() {
        disk.liftFaults()
        if !hasMetFaults { hasFailedSynchronization = false }
        faultsBefore = disk.faultCount
    }

    /// Replaces the disk by what is left of it, and the broker by nothing.
    func crash(_ loss: Crash.Loss) {
        let broken = disk
        switch loss {
        case .nothing: disk = broken.crash(.keepEverything)
        case .unsynchronized: disk = broken.crash(.loseAllUnsynced)
        case .torn(let seed):
            var random = SeededRandom(seed: seed)
            disk = broken.crash(using: &random)
        }
        // The old broker writes to the old disk, which nobody looks at any more.
        opened = nil
        faultsBefore = 0
        hasFailedSynchronization = false
        time.advance(by: .seconds(1))
    }

    /// Asks the broker, and judges what can be known from the answer.
    func ask<Value>(_ body: () throws -> Value) -> Answer<Value> {
        let before = disk.faultCount
        do {
            let value = try body()
            // Nobody gets an answer from a machine that has stopped.
            return disk.isCrashed ? .unknown("the machine stopped") : .done(value)
        } catch {
            if disk.isCrashed { return .unknown("the machine stopped") }
            if disk.faultCount > before || Self.leavesOpen(error) { return .unknown("\(error)") }
            return .refused("\(error)")
        }
    }

    private static func leavesOpen(_ error: any Error) -> Bool {
        switch error {
        case let error as BrokerError:
            [.storageError, .closed, .concurrentTransactions, .unknownServerError].contains(error.code)
                || error.code.rawValue == 15
        case let error as ClientError:
            [.storage, .closed, .concurrentTransactions, .timedOut, .other].contains(error.code)
        default: true
        }
    }
}
