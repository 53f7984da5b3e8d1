import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// Reads the global topics for one stream thread: all their partitions, without a group, from the beginning.
///
/// What is there when the thread begins is read before any task runs; from then on the thread reads on in each round,
/// after it has fetched the records of its tasks and before it works on them. What was committed to a global topic
/// before a record was written is therefore there when the record is looked at.
///
/// Outlives the stream thread's object if that is replaced after an error; owned by the thread.
final class GlobalTopicReader {
    let task: GlobalTask
    private let consumer: any ConsumerConnection
    private let partitions: [TopicPartition]
    private let logger: Logger
    private let time: any TimeSource
    private var isComplete = false
    /// Whether the stores hold what the topics said up to the consumer's positions. If not, another reader must begin
    /// from the beginning.
    private(set) var isUsable = true

    /// Connects; nil if the topology has no global store.
    init?(index: Int, environment: StreamThreadEnvironment) throws {
        let topics = environment.routing.globalTopics
        guard !topics.isEmpty else { return nil }
        let name = "\(environment.applicationId)-\(environment.instanceName)-\(index)-global"
        var logger = environment.logger
        logger[metadataKey: "thread"] = "\(name)"
        self.logger = logger
        time = environment.backend.time
        var settings = ConsumerSettings()
        settings.clientId = name
        settings.isolation = .readCommitted
        settings.autoCommitInterval = nil
        // A gap in what was read makes the stores wrong; they are made anew instead.
        settings.offsetReset = .none
        let consumer = try environment.backend.connectConsumer(settings)
        self.consumer = consumer
        do {
            partitions = try topics.flatMap { topic in
                guard let count = try consumer.partitionCount(of: topic) else {
                    throw StreamsError.partitions(.missingTopics([topic]))
                }
                return (0..<count).map { TopicPartition(topic, $0) }
            }
            task = try GlobalTask(
                partitions: partitions,
                routing: environment.routing,
                applicationId: environment.applicationId,
                configuration: environment.configuration,
                logger: logger,
                host: TaskHost(pause: environment.pause)
            )
            try consumer.assign(partitions)
            for (partition, offset) in try consumer.beginningOffsets(of: partitions) {
                try consumer.seek(partition, to: offset)
            }
        } catch {
            consumer.close()
            throw error
        }
    }

    /// Reads up to what is there now, before the first task runs; returns how many records. What is not decided yet is
    /// not waited for.
    func complete(shouldStop: () -> Bool) throws -> Int {
        guard !isComplete else { return try catchUp() }
        let started = time.monotonicNanoseconds
        let ends = try consumer.endOffsets(of: partitions)
        var read = 0
        while !shouldStop(), try !hasReached(ends) { read += try process(try poll(timeout: .milliseconds(20))) }
        isComplete = true
        logger.info(
            "read the global topics",
            metadata: [
                "records": "\(read)", "milliseconds": "\((time.monotonicNanoseconds - started) / 1_000_000)",
            ]
        )
        return read
    }

    /// Reads on up to what was there when the call began, as far as the first look at each partition tells; returns how
    /// many records.
    func catchUp() throws -> Int {
        var read = 0
        var ends: [TopicPartition: Int64] = [:]
        repeat {
            let fetched = try poll(timeout: .zero)
            guard !fetched.isEmpty else { break }
            for records in fetched where ends[records.partition] == nil {
                ends[records.partition] = records.lastStableOffset
            }
            read += try process(fetched)
        } while try ends.count < partitions.count || !hasReached(ends)
        return read
    }

    private func poll(timeout: Duration) throws -> [FetchedRecords] {
        do throws(ClientError) {
            return try consumer.poll(timeout: timeout)
        } catch {
            guard [.offsetOutOfRange, .noOffset].contains(error.code) else { throw error }
            isUsable = false
            throw LostGlobalRecords(underlying: error)
        }
    }

    private func hasReached(_ ends: [TopicPartition: Int64]) throws(ClientError) -> Bool {
        for (partition, end) in ends where try consumer.position(of: partition) < end { return false }
        return true
    }

    private func process(_ fetched: [FetchedRecords]) throws -> Int {
        isUsable = false
        var count = 0
        let wallClockMs = time.milliseconds
        for records in fetched { count += try task.process(records, wallClockMs: wallClockMs) }
        isUsable = true
        return count
    }

    func close() { consumer.close() }
}

/// Records of a global topic were deleted before they were read, or the topic was replaced: its stores are to be made
/// anew.
struct LostGlobalRecords: Error, CustomStringConvertible {
    var underlying: ClientError

    var description: String { "a global topic has no longer what comes next; its stores are made anew: \(underlying)" }
}
