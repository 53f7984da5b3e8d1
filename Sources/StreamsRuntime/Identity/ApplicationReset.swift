import MillraceLogClient
import MillracePrimitives

/// What a reset of an application does, or would do.
public struct ApplicationResetPlan: Hashable, Sendable {
    /// The application.
    public var applicationId: String
    /// Where its input topics are read from afterwards.
    public var offsets: [OffsetResetPlan.Step]
    /// The internal topics that are deleted: changelogs, repartition topics, and what is written down of the topology.
    public var deletedTopics: [String]
    /// The topics of the user's whose records are deleted.
    public var clearedTopics: [String]
    /// Whether it was done.
    public var isDone: Bool

    /// Makes a plan.
    public init(
        applicationId: String,
        offsets: [OffsetResetPlan.Step],
        deletedTopics: [String],
        clearedTopics: [String],
        isDone: Bool
    ) {
        self.applicationId = applicationId
        self.offsets = offsets
        self.deletedTopics = deletedTopics
        self.clearedTopics = clearedTopics
        self.isDone = isDone
    }
}

extension StreamsApplication {
    /// Makes an application begin anew: deletes its internal topics, and with them all of its state, and sets its input
    /// offsets. What Kafka's `kafka-streams-application-reset` does; output topics stay as they are, unless they are named.
    ///
    /// Refused with `groupNotEmpty` while the application runs. After a crash in the middle the application does not start
    /// until the reset was done again; the offsets are set last, in one transaction with the end of the reset.
    ///
    /// - Parameters:
    ///   - id: the application's id.
    ///   - backend: where its topics are.
    ///   - target: where the inputs are read from afterwards.
    ///   - inputs: the input topics; nil for those that the application has last run with, or has committed.
    ///   - outputs: topics whose records are to be deleted too, so that the next run writes them anew.
    ///   - isDryRun: whether to work out and return what would be done, and do nothing.
    public static func reset(
        _ id: String,
        on backend: any LogBackend,
        to target: OffsetResetTarget = .earliest,
        inputs: [String]? = nil,
        clearing outputs: [String] = [],
        isDryRun: Bool = false
    ) async throws -> ApplicationResetPlan {
        let pool = BlockingPool(name: "streams-reset", threadCount: 1)
        defer { pool.close() }
        let reset = ApplicationReset(
            applicationId: id,
            backend: backend,
            target: target,
            inputs: inputs,
            outputs: outputs
        )
        return try await pool.run { () throws -> ApplicationResetPlan in
            do {
                return try reset.run(isDryRun: isDryRun)
            } catch let error as ClientError {
                throw StreamsError.log(error)
            }
        }
    }
}

/// Carries a reset out.
///
/// The order is what makes it safe: first the manifest says that a reset is under way, then the internal topics go, then
/// offsets and an empty manifest are committed together. Whatever is interrupted is done again from the first step.
struct ApplicationReset: Sendable {
    let applicationId: String
    let backend: any LogBackend
    let target: OffsetResetTarget
    let inputs: [String]?
    let outputs: [String]

    func run(isDryRun: Bool) throws -> ApplicationResetPlan {
        let admin = try backend.connectAdmin()
        let log = ManifestLog(applicationId: applicationId, backend: backend, transactionTimeout: .seconds(60))
        var plan = try plan(try log.read(with: admin).manifest ?? TopologyManifest(), admin)
        guard !isDryRun else { return plan }
        try log.change(with: admin) { current, _ in
            var marked = current ?? TopologyManifest()
            marked.isBeingReset = true
            return marked
        }
        plan = try self.plan(try log.read(with: admin).manifest ?? TopologyManifest(), admin)
        var stale: [TopicPartition] = []
        for topic in plan.deletedTopics where topic != log.topic {
            stale += (0..<(try admin.describeTopic(topic)?.partitionCount ?? 0)).map { TopicPartition(topic, $0) }
            try admin.deleteTopic(topic)
        }
        if !stale.isEmpty { _ = try admin.deleteOffsets(of: applicationId, stale) }
        for topic in plan.clearedTopics { try clear(topic, admin) }
        let offsets = Dictionary(
            plan.offsets.map { ($0.partition, CommittedOffset(offset: $0.to)) },
            uniquingKeysWith: { first, _ in first }
        )
        try log.change(with: admin, committing: offsets) { _, _ in
            try checkInactive(admin)
            return TopologyManifest()
        }
        try admin.deleteTopic(log.topic)
        plan.isDone = true
        return plan
    }

    private func plan(_ manifest: TopologyManifest, _ admin: any AdminConnection) throws -> ApplicationResetPlan {
        let internalTopics = Set(manifest.internalTopics(applicationId: applicationId))
        let committed = Set(try admin.committedOffsets(of: applicationId).keys.map(\.topic))
        let topics =
            try inputs
            ?? Set(manifest.inputs.keys).union(committed.subtracting(internalTopics)).filter {
                try admin.describeTopic($0) != nil
            }.sorted()
        let planner = OffsetResetPlanner(connection: admin, group: applicationId, nowMs: backend.time.milliseconds)
        for topic in outputs where try admin.describeTopic(topic) == nil {
            throw ClientError(.unknownTopicOrPartition, "there is no topic \"\(topic)\" to be cleared")
        }
        return ApplicationResetPlan(
            applicationId: applicationId,
            offsets: try planner.plan(.topics(topics), to: target).steps,
            deletedTopics: try internalTopics.union([ManifestLog.topic(of: applicationId)]).filter {
                try admin.describeTopic($0) != nil
            }.sorted(),
            clearedTopics: outputs,
            isDone: false
        )
    }

    private func checkInactive(_ admin: any AdminConnection) throws(ClientError) {
        let members = try admin.describeGroup(applicationId)?.members.count ?? 0
        guard members == 0 else {
            throw ClientError(
                .groupNotEmpty,
                "\(applicationId) was started while it was being reset (\(members) members): stop it and reset it again"
            )
        }
    }

    private func clear(_ topic: String, _ admin: any AdminConnection) throws(ClientError) {
        for number in 0..<(try admin.describeTopic(topic)?.partitionCount ?? 0) {
            let partition = TopicPartition(topic, number)
            let end = try admin.offsetRange(of: partition, isolation: .readUncommitted).upperBound
            try admin.deleteRecords(partition, before: end)
        }
    }
}
