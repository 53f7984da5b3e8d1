import MillraceEmbeddedClient
import MillraceLogClient
import MillraceLogEngine
import MillracePrimitives
import MillraceRecordFormat

/// Everything that a consumer of one isolation level reads from the broker's topics.
struct LogView: Hashable {
    struct Record: Hashable, CustomStringConvertible {
        var offset: Int64
        var value: String

        var description: String { "\(offset):\(value.prefix { $0 != "." })" }
    }

    var records: [TopicPartition: [Record]] = [:]

    init(of broker: EmbeddedBroker, _ isolation: IsolationLevel) throws {
        var settings = ConsumerSettings()
        settings.isolation = isolation
        let partitions = broker.allTopics.filter { !$0.isInternal }.flatMap { $0.partitions.map(\.id) }
        let consumer = try broker.connectConsumer(settings)
        defer { consumer.close() }
        try consumer.assign(partitions)
        let ends = try consumer.endOffsets(of: partitions)
        for partition in partitions { records[partition] = [] }
        // Each poll moves at least one partition on.
        var pollsLeft = 10_000
        while try partitions.contains(where: { try consumer.position(of: $0) < ends[$0] ?? 0 }) {
            pollsLeft -= 1
            guard pollsLeft > 0 else { throw CrashWorld.Broken(what: "a consumer does not get on: \(isolation)") }
            for fetched in try consumer.poll(timeout: .zero) {
                try fetched.withEach { view in
                    let value = view.value.map { String(decoding: $0, as: UTF8.self) } ?? "null"
                    records[fetched.partition, default: []].append(Record(offset: view.offset, value: value))
                }
            }
        }
    }

    /// The values of all partitions.
    var values: Set<String> { Set(records.values.flatMap { $0.map(\.value) }) }
}
