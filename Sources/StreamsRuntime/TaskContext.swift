import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceStateStores
import MillraceTopology

/// A task's number: its sub-topology, and the partition of that part's sources.
public struct TaskId: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The sub-topology.
    public var subtopology: Int
    /// The partition.
    public var partition: Int32

    /// Makes a task's number.
    public init(subtopology: Int, partition: Int32) {
        self.subtopology = subtopology
        self.partition = partition
    }

    /// `subtopology_partition`, as Kafka Streams writes it.
    public var description: String { self == .global ? "global" : "\(subtopology)_\(partition)" }

    /// By sub-topology, then by partition.
    public static func < (left: TaskId, right: TaskId) -> Bool {
        (left.subtopology, left.partition) < (right.subtopology, right.partition)
    }
}

/// What the code of one task is composed with: its stores, its outputs, the record under way.
///
/// Used by the task's thread alone.
public final class TaskContext {
    /// The task.
    public let taskId: TaskId
    /// The application's id, which internal topics are prefixed with.
    public let applicationId: String
    /// The record under way, behind a pointer so that the record loop pays for no exclusivity checks.
    public let record: UnsafeMutablePointer<CurrentRecord>
    /// The bytes of cached updates that a store may hold back until the next commit; 0 for none.
    public let cacheMaximumBytes: Int

    /// Where the global stores are that the thread's tasks read; nil without any, and where these are made.
    @usableFromInline package let globals: TaskContext?

    /// How often, at most, an operator looks for windows that have closed, in milliseconds of wall-clock time.
    @usableFromInline package let emitIntervalMs: Int64

    /// What becomes of records at which something fails.
    public let failures: FailureHandling

    /// Why the task's code could not be composed, such as an output topic that does not exist; the first such reason.
    private(set) var compositionFailure: ClientError?

    /// The partition that the record under way came from; nil when there is none, as in a punctuation.
    package var partition: TopicPartition? { failures.partition }
    /// What is to run at a stream time.
    @usableFromInline package let streamTimeSchedule = PunctuationSchedule()
    /// What is to run at a wall-clock time.
    package let wallClockSchedule = PunctuationSchedule()

    private let outputs: any OutputProvider
    private var isStarted = false
    private var hasBegun = false
    private var beginnings: [() -> Void] = []
    package let host: TaskHost
    /// What was composed once, with its key: another object could have the address of one that is gone.
    private var composed: [ObjectIdentifier: (key: AnyObject, code: AnyObject)] = [:]
    private var tablesAhead: [ByteTable] = []
    package private(set) var stores: [String: any TaskStore] = [:]
    /// In the order in which they enlisted.
    private(set) var parts: [any TaskPart] = []
    let registers: TaskRegisters
    /// What `record` and the registers lie in; kept by whatever may outlive the task.
    @usableFromInline package let memory = TaskMemory()

    init(
        taskId: TaskId,
        applicationId: String,
        configuration: StreamsConfiguration,
        outputs: any OutputProvider,
        globals: TaskContext? = nil,
        logger: Logger,
        host: TaskHost
    ) {
        self.globals = globals
        self.taskId = taskId
        self.applicationId = applicationId
        cacheMaximumBytes = configuration.cacheMaximumBytes
        emitIntervalMs = configuration.emitInterval.wholeMilliseconds
        self.outputs = outputs
        self.host = host
        record = memory.record
        registers = memory.registers
        failures = FailureHandling(
            task: taskId,
            record: record,
            configuration: configuration,
            outputs: outputs,
            logger: logger,
            host: host
        )
    }

    /// Where the records for a topic go. If there is no such topic, the task does not start.
    public func output(to topic: TopicReference) -> TopicOutput {
        output(named: topic.resolved(applicationId: applicationId))
    }

    /// The outputs of an operator that names topics only when it sees the records.
    public func outputsOnDemand(of operatorName: String) -> OutputsOnDemand {
        OutputsOnDemand(operatorName: operatorName, outputs: outputs, failures: failures)
    }

    /// Where a store's changes go; nil if the store has no changelog.
    public func changelog(of store: StoreDefinition) -> ChangelogOutput? {
        guard store.isLogged else { return nil }
        return ChangelogOutput(
            output: output(named: "\(applicationId)-\(store.changelogTopic)"),
            partition: taskId.partition,
            failures: failures
        )
    }

    private func output(named topic: String) -> TopicOutput {
        do throws(ClientError) {
            return try outputs.output(to: topic)
        } catch {
            compositionFailure = compositionFailure ?? error
            return TopicOutput.unavailable(topic, because: error)
        }
    }

    /// The task's instance of a store, made when it is first asked for. All who ask for one name ask for one type.
    @usableFromInline
    package func store<Store: TaskStore>(named name: String, make: () throws -> Store) rethrows -> Store {
        if let existing = stores[name] as? Store { return existing }
        precondition(stores[name] == nil, "the store \(name) is used as two types")
        let made = try make()
        stores[name] = made
        enlist(made)
        return made
    }

    /// A number of this name that survives restarts. All who ask for one name share it.
    ///
    /// The name of an operator with a store begins with the store's, followed by `.` or `-`: it then outlives changes of
    /// the topology that the store outlives, its renaming included.
    ///
    /// - Parameter initial: what it is until the first commit.
    @usableFromInline
    package func register(named name: String, initial: Int64) -> TaskRegister {
        registers.register(named: name, initial: initial)
    }

    /// Lets a part take part in commits, ticks, the course of time, beginning and end, as its protocols say; its name, that
    /// of an operator or store, tells its place among the others. A store is enlisted by `store(named:make:)`.
    @usableFromInline
    package func enlist(_ part: any TaskPart) {
        parts.append(part)
    }

    /// Makes a schedule for an operator. One made while the task is composed starts as it begins; one made until it has
    /// begun keeps its next due time, on the stream time, across a restart.
    ///
    /// - Parameter number: tells it from the operator's other schedules, the same way in each run.
    package func schedule(
        _ operatorName: String,
        number: Int,
        _ kind: TimeKind,
        intervalMs: Int64,
        startMs: Int64?,
        run: @escaping (Int64) throws -> Void
    ) -> ScheduledPunctuation {
        let register =
            kind == .streamTime && !hasBegun
            ? register(named: "\(operatorName)-punctuation-\(number)", initial: -1) : nil
        let entry = ScheduledPunctuation(operatorName, intervalMs: intervalMs, register: register, run: run)
        whenStarted { [unowned self] in
            let isStreamTime = kind == .streamTime
            let nowMs = isStreamTime ? record.pointee.streamTimeMs : record.pointee.wallClockMs
            var dueMs = isStreamTime ? 0 : PunctuationSchedule.sum(nowMs, intervalMs)
            if let startMs { dueMs = PunctuationSchedule.first(from: startMs, every: intervalMs, notBefore: nowMs) }
            if let register, register.value >= 0 { dueMs = register.value }
            (isStreamTime ? streamTimeSchedule : wallClockSchedule).set(entry, dueMs: dueMs)
        }
        return entry
    }

    /// Does something now or, while the task is being composed, as it begins, in the order of the calls.
    package func whenStarted(_ body: @escaping () -> Void) {
        if isStarted { body() } else { beginnings.append(body) }
    }

    /// Begins: stores and registers are restored.
    ///
    /// - Parameter startParts: lets the operators begin.
    func start(wallClockMs: Int64, _ startParts: () throws -> Void) throws {
        record.pointee.wallClockMs = wallClockMs
        isStarted = true
        for body in beginnings { body() }
        beginnings = []
        try startParts()
        hasBegun = true
    }

    /// Says that a store is asked for the keys of the source that is being composed, just as they are written there.
    @usableFromInline
    package func lookAhead(in table: ByteTable) {
        tablesAhead.append(table)
    }

    /// What warms the stores that were named since the last call; nil if there was none.
    @usableFromInline
    package func takeLookAhead() -> KeyLookAhead? {
        defer { tablesAhead = [] }
        return tablesAhead.isEmpty ? nil : KeyLookAhead(tablesAhead)
    }

    /// The one instance of some composed code in this task: what several operators pass records to is composed once.
    public func composeOnce<Code: AnyObject>(_ key: AnyObject, _ make: () throws -> Code) rethrows -> Code {
        if let existing = composed[ObjectIdentifier(key)]?.code {
            return unsafeDowncast(existing, to: Code.self)
        }
        let made = try make()
        composed[ObjectIdentifier(key)] = (key, made)
        return made
    }
}

/// Gives out the outputs of a thread.
package protocol OutputProvider: AnyObject {
    func output(to topic: String) throws(ClientError) -> TopicOutput
    /// Why what was written cannot be committed any more, if that is so.
    var failure: ClientError? { get }
}
