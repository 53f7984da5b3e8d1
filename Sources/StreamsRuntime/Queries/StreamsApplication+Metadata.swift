import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// What this instance of an application has, and how far it is.
extension StreamsApplication {
    /// The threads of this instance, with their tasks. Kafka Streams: `metadataForLocalThreads`.
    public var threadMetadata: [ThreadMetadata] {
        let tasks = queries.tasks
        return (0..<max(configuration.threads, 1)).map { index in
            ThreadMetadata(index: index, isReady: tasks[index] != nil, tasks: tasks[index] ?? [])
        }
    }

    /// Where a store can be asked.
    public func metadata(ofStore store: String) throws(QueryError) -> StoreMetadata {
        let location = try location(of: store)
        guard let definition = topology.graph.stores[store] else {
            throw .unknownStore(store, known: topology.graph.stores.keys.sorted())
        }
        let tasks = queries.tasks
        let partitions =
            definition.isGlobal
            ? (tasks.isEmpty ? [] : [0])
            : tasks.values.joined().filter { $0.stores.contains(store) }.map(\.id.partition).sorted()
        return StoreMetadata(
            name: store,
            format: definition.format,
            isGlobal: definition.isGlobal,
            partitionCount: location.partitionCount,
            localPartitions: partitions
        )
    }

    /// How far the partitions of stores are behind that this instance has, also those that are being restored; by store,
    /// then partition. Kafka Streams: `allLocalStorePartitionLags`.
    ///
    /// Asks the log: costs a call for each partition.
    public func storeLags() async throws(QueryError) -> [StoreLag] {
        guard plannedPartitions != nil else { throw .notRunning }
        let pool = BlockingPool(name: "streams-lags", threadCount: 1)
        defer { pool.finish() }
        let application = self
        do throws(ClientError) {
            return try await pool.run { () throws(ClientError) in try application.findStoreLags() }
        } catch {
            throw .log(error)
        }
    }

    private func findStoreLags() throws(ClientError) -> [StoreLag] {
        let admin = try connectAdmin()
        let inputs = try InputPlaces(routing: routing, applicationId: id, admin: admin).remaining
        let restored = queries.restoredPositions
        let local = Set(queries.tasks.values.joined().map(\.id))
        var lags: [StoreLag] = []
        for part in topology.graph.subtopologies() {
            for store in part.stores.compactMap({ topology.graph.stores[$0] }) {
                let changelog = "\(id)-\(store.changelogTopic)"
                for partition in 0..<(plannedPartitions?.taskCounts[part.id] ?? 0) {
                    let position = restored[TopicPartition(changelog, partition)]
                    let task = TaskId(subtopology: part.id, partition: partition)
                    guard position != nil || local.contains(task) else { continue }
                    var lag = StoreLag(store: store.name, partition: partition, changelogOffsets: 0, inputOffsets: 0)
                    if let position {
                        let range = try admin.offsetRange(
                            of: TopicPartition(changelog, partition),
                            isolation: .readCommitted
                        )
                        lag.changelogOffsets = max(0, range.upperBound - max(position, range.lowerBound))
                    }
                    lag.inputOffsets = inputs.reduce(0) { sum, input in
                        routing.task(of: input.key) == task ? sum + input.value : sum
                    }
                    lags.append(lag)
                }
            }
        }
        if !local.isEmpty || !queries.tasks.isEmpty {
            for global in topology.graph.globalStores() {
                lags.append(StoreLag(store: global.store, partition: 0, changelogOffsets: 0, inputOffsets: 0))
            }
        }
        return lags.sorted { ($0.store, $0.partition) < ($1.store, $1.partition) }
    }
}
