import MillraceCoordination
import MillracePrimitives
import Testing

/// Bytes from hexadecimal text; blanks are for the reader.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { !$0.isWhitespace }
    var bytes: [UInt8] = []
    var index = digits.startIndex
    while index < digits.endIndex {
        let end = digits.index(index, offsetBy: 2, limitedBy: digits.endIndex) ?? digits.endIndex
        bytes.append(UInt8(digits[index..<end], radix: 16) ?? 0)
        index = end
    }
    return bytes
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The code of the error that `body` throws; nil if it throws none.
func code(_ body: () throws(CoordinatorError) -> Void) -> CoordinatorErrorCode? {
    do {
        try body()
        return nil
    } catch {
        return error.code
    }
}

extension TransactionRecord {
    var keyBytes: [UInt8] {
        var writer = ByteWriter()
        encodeKey(into: &writer)
        return writer.array
    }

    var valueBytes: [UInt8]? {
        var writer = ByteWriter()
        return encodeValue(into: &writer) ? writer.array : nil
    }

    init(key: [UInt8], value: [UInt8]?) throws {
        self = try key.withUnsafeBytes { key in
            guard let value else { return try TransactionRecord(key: key, value: nil) }
            return try value.withUnsafeBytes { try TransactionRecord(key: key, value: $0) }
        }
    }

    /// The record after it went through the log.
    var reread: TransactionRecord {
        get throws { try TransactionRecord(key: keyBytes, value: valueBytes) }
    }
}

extension GroupRecord {
    var keyBytes: [UInt8] {
        var writer = ByteWriter()
        encodeKey(into: &writer)
        return writer.array
    }

    var valueBytes: [UInt8]? {
        var writer = ByteWriter()
        return encodeValue(into: &writer) ? writer.array : nil
    }

    init(key: [UInt8], value: [UInt8]?) throws {
        self = try key.withUnsafeBytes { key in
            guard let value else { return try GroupRecord(key: key, value: nil) }
            return try value.withUnsafeBytes { try GroupRecord(key: key, value: $0) }
        }
    }

    /// The record after it went through the log.
    var reread: GroupRecord {
        get throws { try GroupRecord(key: keyBytes, value: valueBytes) }
    }
}

/// A transaction coordinator with its log: appends and replays what requests return, as a runtime does.
struct TransactionHarness {
    var coordinator: TransactionCoordinator
    var producerIds = ProducerIdBlock(1_000..<2_000)
    var log: [TransactionRecord] = []
    var now: Int64 = 1_000_000

    init(settings: TransactionCoordinator.Settings = .init()) {
        coordinator = TransactionCoordinator(settings: settings, coordinatorEpoch: 7)
    }

    mutating func append(_ record: TransactionRecord) {
        log.append(record)
        coordinator.replay(record)
    }

    mutating func replayAgain() throws {
        var recovered = TransactionCoordinator(settings: coordinator.settings, coordinatorEpoch: 7)
        for record in log { recovered.replay(try record.reread) }
        #expect(recovered == coordinator, "replaying the log gives another state than living through it")
        coordinator = recovered
    }

    /// An identity, carrying out an abort that comes first.
    mutating func initialise(
        _ transactionalId: String = "app",
        expected: ProducerIdentity? = nil
    ) throws(CoordinatorError) -> ProducerIdentity {
        for _ in 0..<2 {
            let outcome = try coordinator.initProducerId(
                transactionalId,
                timeoutMs: 60_000,
                expected: expected,
                producerIds: &producerIds,
                now: now
            )
            switch outcome {
            case .assigned(let producer, let record), .kept(let producer, _, let record):
                append(record)
                return producer
            case .abortFirst(let decided):
                append(decided.record)
                complete(decided)
            }
        }
        throw CoordinatorError(.concurrentTransactions, "the abort was carried out, and yet another comes first")
    }

    mutating func add(
        _ partitions: Set<TopicPartition>,
        by producer: ProducerIdentity,
        to transactionalId: String = "app",
        version: TransactionVersion = .two
    ) throws(CoordinatorError) {
        let record = try coordinator.addPartitions(
            partitions,
            to: transactionalId,
            producer: producer,
            clientVersion: version,
            now: now
        )
        if let record { append(record) }
    }

    mutating func end(
        _ result: TransactionResult,
        by producer: ProducerIdentity,
        of transactionalId: String = "app",
        version: TransactionVersion = .two
    ) throws(CoordinatorError) -> EndTransactionOutcome {
        let outcome = try coordinator.endTransaction(
            transactionalId,
            producer: producer,
            result: result,
            clientVersion: version,
            producerIds: &producerIds,
            now: now
        )
        if case .decided(let decided) = outcome { append(decided.record) }
        return outcome
    }

    /// Ends a transaction and completes it; the identity for the next one.
    mutating func finish(
        _ result: TransactionResult,
        by producer: ProducerIdentity,
        version: TransactionVersion = .two
    ) throws(CoordinatorError) -> ProducerIdentity {
        switch try end(result, by: producer, version: version) {
        case .alreadyEnded(let next): return next
        case .decided(let decided):
            complete(decided)
            return decided.nextProducer
        }
    }

    mutating func complete(_ decided: DecidedTransaction) {
        let markers = decided.markers
        let record = coordinator.completeTransaction(markers.transactionalId, producer: markers.producer, now: now)
        #expect(record != nil, "a decided transaction can be completed")
        if let record { append(record) }
    }

    /// Sets the state of a transactional id as if recovered.
    mutating func force(_ metadata: TransactionMetadata, of transactionalId: String = "app") {
        append(TransactionRecord(transactionalId: transactionalId, metadata: metadata))
    }

    func metadata(_ transactionalId: String = "app") throws -> TransactionMetadata {
        try #require(coordinator.metadata(of: transactionalId))
    }
}

let first = TopicPartition("orders", 0)
let second = TopicPartition("orders", 1)
