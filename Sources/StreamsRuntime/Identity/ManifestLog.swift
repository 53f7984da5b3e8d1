import MillraceLogClient
import MillracePrimitives
import MillraceRecordFormat

/// Keeps an application's manifest in a compacted topic of its own, `<application id>-topology`, so that it is where the
/// state is, on a cluster too.
///
/// The topic has one partition and one key; its last committed record counts. A change is one transaction under a
/// transactional id that all instances of the application share: whoever begins a change fences one that is under way
/// elsewhere, and reads after that. So a change is seen whole or not at all, whatever crashes, and nobody overwrites what
/// he has not compared with.
struct ManifestLog {
    let applicationId: String
    let backend: any LogBackend
    let transactionTimeout: Duration
    /// A number that other instances which start at the same time do not have.
    var rank = 0
    /// Waits; returns whether to give up.
    var pause: (Duration) -> Bool = { _ in false }

    /// The topic's name.
    var topic: String { Self.topic(of: applicationId) }

    /// The topic's name for an application.
    static func topic(of applicationId: String) -> String { "\(applicationId)-topology" }

    private static let key = Array("topology".utf8)
    private static let attemptsMaximum = 10

    /// What was read.
    struct Reading {
        /// The manifest; nil if there is none.
        var manifest: TopologyManifest?
        /// Whether no change of it is under way.
        var isDecided = true
    }

    /// Reads the manifest.
    func read(with admin: any AdminConnection) throws -> Reading {
        guard try admin.describeTopic(topic) != nil else { return Reading() }
        var last: [UInt8]?
        let reader = CommittedReader(backend: backend, clientId: "\(applicationId)-topology")
        let isDecided = try reader.read([TopicPartition(topic, 0)]) { _, record in
            guard let key = record.key, key.elementsEqual(Self.key) else { return }
            last = record.value.map { [UInt8]($0) }
        }
        guard let last else { return Reading(manifest: nil, isDecided: isDecided) }
        do throws(TopologyManifest.Unreadable) {
            guard let text = String(validating: last, as: UTF8.self) else {
                throw TopologyManifest.Unreadable(reason: "it is not UTF-8")
            }
            return Reading(manifest: try TopologyManifest(text: text), isDecided: isDecided)
        } catch {
            throw StreamsError.unreadableManifest(topic: topic, reason: error.reason)
        }
    }

    /// Changes the manifest, alone: `work` gets the one that counts and returns the next. It is done again if another
    /// instance interferes, so it must bear that. What it does before it returns is done before the change counts.
    ///
    /// - Parameter offsets: what the application's group commits together with the change; it must have no members.
    func change(
        with admin: any AdminConnection,
        committing offsets: [TopicPartition: CommittedOffset] = [:],
        _ work: (TopologyManifest?, any ProducerConnection) throws -> TopologyManifest
    ) throws {
        do throws(ClientError) {
            try admin.createTopic(NewTopic(topic, partitions: 1, configuration: ["cleanup.policy": "compact"]))
        } catch {
            guard error.code == .topicAlreadyExists else { throw error }
        }
        var attempt = 1
        while true {
            do {
                return try changeOnce(with: admin, offsets, work)
            } catch let error as ClientError where error.isCuredByRestart && attempt < Self.attemptsMaximum {
                // Another instance is at it. Each waits for another time, or they would go on replacing one another.
                let wait = Duration.milliseconds(25 << min(attempt, 6)) * (rank % 8 + 1)
                attempt += 1
                if pause(wait) { throw error }
            }
        }
    }

    private func changeOnce(
        with admin: any AdminConnection,
        _ offsets: [TopicPartition: CommittedOffset],
        _ work: (TopologyManifest?, any ProducerConnection) throws -> TopologyManifest
    ) throws {
        var settings = ProducerSettings()
        settings.clientId = "\(applicationId)-topology"
        settings.transactionalId = "\(applicationId)-topology"
        settings.transactionTimeout = transactionTimeout
        let producer = try backend.connectProducer(settings)
        defer { producer.close() }
        try producer.initTransactions()
        let current = try read(with: admin).manifest
        let next = try work(current, producer)
        guard next != current || !offsets.isEmpty else { return }
        try producer.beginTransaction()
        let output = TopicOutput(topic: topic, partitionCount: 1, producer: producer, batchSize: settings.batchSize)
        try Self.key.withUnsafeBytes { key in
            try Array(next.text.utf8).withUnsafeBytes { value in
                try output.append(
                    to: 0,
                    key: key,
                    value: value,
                    timestamp: backend.time.milliseconds,
                    headers: UnsafeRawBufferPointer(start: nil, count: 0)
                )
            }
        }
        try output.flush()
        if !offsets.isEmpty { try producer.sendOffsets(offsets, for: GroupMembership(groupId: applicationId)) }
        try producer.commitTransaction()
    }
}
