import MillraceRecordFormat

/// A partition's settings, with Kafka's meanings, defaults and names (`LogConfigurationNames.swift` maps them).
package struct LogConfiguration: Hashable, Sendable {
    /// `segment.bytes`: a segment is closed before it would grow beyond this.
    package var segmentBytes = 1 << 30
    /// `segment.ms`: a segment is closed when a batch comes whose timestamp is this much later than its first one's.
    package var segmentMs: Int64 = 604_800_000
    /// `segment.index.bytes`: a segment is closed when its index reaches this size.
    package var segmentIndexBytes = 10 << 20
    /// `index.interval.bytes`: how much of the log one index entry stands for.
    package var indexIntervalBytes = 4096
    /// `max.message.bytes`: the largest batch that is taken.
    package var maxMessageBytes = 1_048_588
    /// `message.timestamp.type`: whose timestamp records get.
    package var timestampType = TimestampType.createTime
    /// `message.timestamp.before.max.ms`: how far back a producer's timestamp may lie.
    package var timestampBeforeMaxMs = Int64.max
    /// `message.timestamp.after.max.ms`: how far ahead a producer's timestamp may lie.
    package var timestampAfterMaxMs: Int64 = 3_600_000
    /// `compression.type`: nil stands for `producer`, batches stay as they come.
    package var compressionType: CompressionCodec?
    /// `compression.gzip.level`: used if `compressionType` is gzip; -1 for the codec's default.
    package var gzipLevel = -1
    /// `compression.lz4.level`: used if `compressionType` is lz4.
    package var lz4Level = 9
    /// `compression.zstd.level`: used if `compressionType` is zstd.
    package var zstdLevel = 3
    /// `cleanup.policy`: what happens to old records.
    package var cleanupPolicy = CleanupPolicy.delete
    /// `retention.ms`: how long records are kept under the policy `delete`; -1 for ever.
    package var retentionMs: Int64 = 604_800_000
    /// `retention.bytes`: how many bytes are kept under the policy `delete`; -1 for all.
    package var retentionBytes: Int64 = -1
    /// `min.cleanable.dirty.ratio`: the part of a compacted log that must be new before it is compacted again.
    package var minCleanableDirtyRatio = 0.5
    /// `min.compaction.lag.ms`: how long a record stays uncompacted at least.
    package var minCompactionLagMs: Int64 = 0
    /// `max.compaction.lag.ms`: how long a record stays uncompacted at most.
    package var maxCompactionLagMs = Int64.max
    /// `delete.retention.ms`: how long a tombstone outlives the compaction that finds it.
    package var deleteRetentionMs: Int64 = 86_400_000
    /// `file.delete.delay.ms`: stored for Kafka's tools. Files are removed at once here, since readers hold them open.
    package var fileDeleteDelayMs: Int64 = 60_000
    /// `flush.messages`: appends flush by themselves after so many records; nil for never.
    package var flushMessages: Int64?
    /// `flush.ms`: how long appended records may stay unflushed; nil for ever. Kept by the broker's timer.
    package var flushMs: Int64?
    /// `preallocate`: stored for Kafka's tools; segments are never preallocated here.
    package var preallocate = false
    /// `producer.id.expiration.ms`: how long an idle producer is remembered.
    package var producerIdExpirationMs: Int64 = 86_400_000
    /// No setting: what tests break on purpose.
    package var deliberateFaults: DeliberateFaults = []

    /// Kafka's defaults.
    package init() {}

    /// How old records are got rid of.
    package struct CleanupPolicy: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Whole segments go by age and size.
        package static let delete = CleanupPolicy(rawValue: 1)
        /// Records go that a later record with the same key replaces.
        package static let compact = CleanupPolicy(rawValue: 2)
    }

    /// How batches are stored; nil if they stay as they come.
    var targetCompression: Compression? {
        switch compressionType {
        case nil: nil
        case .some(.none): Compression.none
        case .gzip: .gzip(level: gzipLevel < 0 ? nil : gzipLevel)
        case .snappy: .snappy
        case .lz4: .lz4(level: lz4Level)
        case .zstd: .zstd(level: zstdLevel)
        }
    }

    /// How many entries the offset index of one segment may have.
    var maximumIndexEntries: Int { segmentIndexBytes / OffsetIndexEntry.size }
    /// How many entries the time index of one segment may have; one is kept free for the last timestamp.
    var maximumTimeIndexEntries: Int { segmentIndexBytes / TimeIndexEntry.size - 1 }

    /// Fails at the first setting that is out of its range.
    package func validate() throws(LogConfigurationError) {
        for key in Self.keys {
            // A setting's own text passes through the same check as a user's.
            var copy = self
            try copy.set(key, value(of: key) ?? "")
        }
    }
}

/// Why a setting was refused.
package enum LogConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no such setting.
    case unknownKey(String, known: [String])
    /// The value is not one that the setting can have.
    case invalidValue(key: String, value: String, allowed: String)

    package var description: String {
        switch self {
        case .unknownKey(let key, let known):
            "there is no topic setting '\(key)'; there are \(known.joined(separator: ", "))"
        case .invalidValue(let key, let value, let allowed):
            "'\(value)' is no value for \(key): allowed is \(allowed)"
        }
    }
}
