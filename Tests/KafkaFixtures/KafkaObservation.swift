import Foundation

/// What Apache Kafka said about one partition: its clients and tools, asked before the broker stopped, and its tools' list
/// of the batches in the files.
package struct KafkaObservation: Decodable, Sendable {
    /// Which partition it was.
    package var topic: String
    package var partition: Int32
    /// The topic's settings that differ from the defaults.
    package var topicConfig: [String: String]
    /// The offsets as the broker listed them. They are those after recovery if the broker was killed.
    package var logStartOffset: Int64
    package var logEndOffset: Int64
    package var highWatermark: Int64
    package var lastStableOffset: Int64
    /// The first record that has the greatest timestamp; nil for an empty log.
    package var maxTimestamp: TimestampedOffset?
    /// Answers to look-ups by time.
    package var offsetForTimestamp: [TimeQuery]
    /// What consumers of both isolation levels read from the start.
    package var readUncommitted: [Record]
    package var readCommitted: [Record]
    /// Every batch in the files, in order.
    package var batches: [Batch]

    /// A record found by its timestamp.
    package struct TimestampedOffset: Decodable, Hashable, Sendable {
        package var timestamp: Int64
        package var offset: Int64
    }

    /// The first record at or after a time; nil if there was none.
    package struct TimeQuery: Decodable, Hashable, Sendable {
        package var timestamp: Int64
        package var offset: Int64?
        package var recordTimestamp: Int64?
    }

    /// A record, as a consumer got it; keys, values and headers of the fixtures are text.
    package struct Record: Decodable, Hashable, Sendable {
        package var offset: Int64
        package var timestamp: Int64
        package var key: String?
        package var value: String?
        /// Name and value of each; nil stands for none.
        package var headers: [[String?]]?
        package var producerId: Int64
        package var producerEpoch: Int16
        package var sequence: Int32

        package init(
            offset: Int64,
            timestamp: Int64,
            key: String?,
            value: String?,
            headers: [[String?]]?,
            producerId: Int64,
            producerEpoch: Int16,
            sequence: Int32
        ) {
            self.offset = offset
            self.timestamp = timestamp
            self.key = key
            self.value = value
            self.headers = headers
            self.producerId = producerId
            self.producerEpoch = producerEpoch
            self.sequence = sequence
        }
    }

    /// A batch in a file.
    package struct Batch: Decodable, Hashable, Sendable {
        package var file: String
        package var position: Int
        package var sizeInBytes: Int
        package var baseOffset: Int64
        package var lastOffset: Int64
        package var recordCount: Int32
        package var partitionLeaderEpoch: Int32
        package var crc: UInt32
        package var compression: String
        package var timestampType: String
        package var maxTimestamp: Int64
        package var isTransactional: Bool
        package var isControl: Bool
        package var producerId: Int64
        package var producerEpoch: Int16
        package var baseSequence: Int32
        package var lastSequence: Int32
        package var deleteHorizonMs: Int64?
        /// The markers of a control batch.
        package var control: [Control]?

        package init(
            file: String,
            position: Int,
            sizeInBytes: Int,
            baseOffset: Int64,
            lastOffset: Int64,
            recordCount: Int32,
            partitionLeaderEpoch: Int32,
            crc: UInt32,
            compression: String,
            timestampType: String,
            maxTimestamp: Int64,
            isTransactional: Bool,
            isControl: Bool,
            producerId: Int64,
            producerEpoch: Int16,
            baseSequence: Int32,
            lastSequence: Int32,
            deleteHorizonMs: Int64?,
            control: [Control]?
        ) {
            self.file = file
            self.position = position
            self.sizeInBytes = sizeInBytes
            self.baseOffset = baseOffset
            self.lastOffset = lastOffset
            self.recordCount = recordCount
            self.partitionLeaderEpoch = partitionLeaderEpoch
            self.crc = crc
            self.compression = compression
            self.timestampType = timestampType
            self.maxTimestamp = maxTimestamp
            self.isTransactional = isTransactional
            self.isControl = isControl
            self.producerId = producerId
            self.producerEpoch = producerEpoch
            self.baseSequence = baseSequence
            self.lastSequence = lastSequence
            self.deleteHorizonMs = deleteHorizonMs
            self.control = control
        }
    }

    /// A transaction marker.
    package struct Control: Decodable, Hashable, Sendable {
        package var offset: Int64
        package var timestamp: Int64
        package var type: String
        package var coordinatorEpoch: Int32

        package init(
            offset: Int64,
            timestamp: Int64,
            type: String,
            coordinatorEpoch: Int32
        ) {
            self.offset = offset
            self.timestamp = timestamp
            self.type = type
            self.coordinatorEpoch = coordinatorEpoch
        }
    }

    /// Reads a file of observations.
    package init(contentsOf url: URL) throws {
        self = try JSONDecoder().decode(KafkaObservation.self, from: Data(contentsOf: url))
    }
}
