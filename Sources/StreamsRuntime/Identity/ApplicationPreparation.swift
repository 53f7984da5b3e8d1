import Logging
import MillraceLogClient
import MillracePrimitives
import MillraceTopology

/// Makes the log ready for an application, before it processes anything: compares its topology with the state that it
/// finds, makes internal topics, and writes down what there is from now on.
struct ApplicationPreparation {
    let applicationId: String
    let graph: TopologyGraph
    let configuration: StreamsConfiguration
    let backend: any LogBackend
    let logger: Logger
    /// A number that other instances which start at the same time do not have.
    let rank: Int
    /// Waits; returns whether the application is to stop.
    let pause: (Duration) -> Bool

    private static let undecidedPause = Duration.milliseconds(50)
    private static let countedBytesMaximum = 16 << 20

    /// Prepares; throws `StreamsError.topologyChanged` if the state cannot be read by this topology.
    ///
    /// - Returns: how many partitions everything has.
    func run() throws -> PartitionPlan {
        if configuration.requiresExplicitNames, !graph.derivedNames.isEmpty {
            throw StreamsError.unnamed(graph.derivedNames.sorted())
        }
        let admin = try backend.connectAdmin()
        let topics = InternalTopics(applicationId: applicationId, graph: graph, configuration: configuration)
        let plan = try topics.plan(with: admin)
        let wanted = TopologyManifest(graph, plan, applicationId: applicationId)
        let log = ManifestLog(
            applicationId: applicationId,
            backend: backend,
            transactionTimeout: configuration.transactionTimeout,
            rank: rank,
            pause: pause
        )
        let reading = try log.read(with: admin)
        let comparison = try compare(reading.manifest, wanted, admin)
        // An application that keeps nothing needs nothing written down.
        let isUnchanged = comparison.result == reading.manifest || reading.manifest == nil && wanted.isStateless
        if reading.isDecided, isUnchanged {
            try topics.ensure(plan, with: admin)
            return plan
        }
        try log.change(with: admin) { current, producer in
            let comparison = try compare(current, wanted, admin)
            try checkAlone(for: comparison.renamings, admin)
            try topics.ensure(plan, with: admin)
            for (store, changes) in comparison.changedSettings {
                try admin.alterConfiguration(of: changelog(of: store), changes)
            }
            for renaming in comparison.renamings {
                let copied = try StoreRenaming(
                    backend: backend,
                    applicationId: applicationId,
                    batchSize: configuration.batchSize
                ).copy(renaming, partitions: wanted.stores[renaming.to]?.partitions ?? 0, with: producer)
                logger.info(
                    "a store was renamed",
                    metadata: ["from": "\(renaming.from)", "to": "\(renaming.to)", "records": "\(copied)"]
                )
            }
            if current != nil {
                for note in comparison.notes { logger.notice("the topology has changed: \(note)") }
            }
            return comparison.result
        }
        return plan
    }

    private func changelog(of store: String) -> String {
        "\(applicationId)-\(StoreDefinition.changelogTopic(of: store))"
    }

    private func compare(
        _ former: TopologyManifest?,
        _ wanted: TopologyManifest,
        _ admin: any AdminConnection
    ) throws -> TopologyComparison {
        if former?.isBeingReset == true { throw StreamsError.resetUnfinished(applicationId: applicationId) }
        let formerNames = graph.stores.compactMapValues(\.formerName)
        let comparison = TopologyComparison(former, wanted, formerNames: formerNames)
        var refusals = comparison.refusals
        for (name, store) in former?.stores ?? [:]
        where comparison.result.stores[name]?.isLive == true && store.isLive
            && comparison.result.stores[name]?.sourceTopic == nil && store.sourceTopic == nil
        {
            if try admin.describeTopic(changelog(of: name)) == nil {
                refusals.append(.missingChangelog(store: name, topic: changelog(of: name)))
            }
        }
        for drain in comparison.drains {
            let topic = "\(applicationId)-\(drain.topic)"
            guard let unprocessed = try unprocessedRecords(of: topic, admin) else { continue }
            if let formats = drain.formats {
                refusals.append(
                    .repartitionFormat(
                        topic: topic,
                        was: formats.was,
                        becomes: formats.becomes,
                        unprocessed: unprocessed.count
                    )
                )
            } else {
                refusals.append(.unprocessedRecords(topic: topic, count: unprocessed.count))
            }
        }
        guard refusals.isEmpty else { throw StreamsError.topologyChanged(refusals) }
        return comparison
    }

    /// What the group has not processed of a topic; nil if nothing is left.
    private func unprocessedRecords(of topic: String, _ admin: any AdminConnection) throws -> (count: Int64?, Void)? {
        guard let partitionCount = try admin.describeTopic(topic)?.partitionCount else { return nil }
        let committed = try admin.committedOffsets(of: applicationId)
        var sum: Int64 = 0
        for number in 0..<partitionCount {
            let partition = TopicPartition(topic, number)
            let range = try decidedRange(of: partition, admin)
            let position = max(committed[partition]?.offset ?? range.lowerBound, range.lowerBound)
            let count = try admin.recordCount(
                in: partition,
                from: position,
                isolation: .readCommitted,
                maximumBytes: Self.countedBytesMaximum
            )
            guard let count else { return (nil, ()) }
            sum += count
        }
        return sum == 0 ? nil : (sum, ())
    }

    /// The offsets of a partition, once no transaction is open in it: one of a former instance may still hold records.
    private func decidedRange(of partition: TopicPartition, _ admin: any AdminConnection) throws -> Range<Int64> {
        let deadline =
            backend.time.monotonicNanoseconds + (configuration.transactionTimeout + .seconds(5)).wholeNanoseconds
        while true {
            let range = try admin.offsetRange(of: partition, isolation: .readCommitted)
            let written = try admin.offsetRange(of: partition, isolation: .readUncommitted)
            if range.upperBound == written.upperBound { return range }
            guard backend.time.monotonicNanoseconds < deadline, !pause(Self.undecidedPause) else {
                throw ClientError(
                    .timedOut,
                    "a transaction is open in \(partition), which the topology reads no more; what it holds would be lost. "
                        + "Start again when it is decided"
                )
            }
        }
    }

    /// A store is renamed only while nobody writes to it.
    private func checkAlone(for renamings: [TopologyComparison.Renaming], _ admin: any AdminConnection) throws {
        guard !renamings.isEmpty, let group = try admin.describeGroup(applicationId), !group.members.isEmpty else {
            return
        }
        throw ClientError(
            .groupNotEmpty,
            "a store is renamed while other instances of \(applicationId) run (\(group.members.count) members): stop them "
                + "first"
        )
    }
}
