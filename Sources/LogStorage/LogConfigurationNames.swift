import MillraceRecordFormat

/// One setting as text: how it is read, written and checked.
private struct Setting: Sendable {
    let key: String
    let get: @Sendable (LogConfiguration) -> String
    /// Nil if the text is taken, otherwise what is allowed.
    let set: @Sendable (inout LogConfiguration, String) -> String?

    static func integer<Value: FixedWidthInteger & Sendable>(
        _ key: String,
        _ path: any WritableKeyPath<LogConfiguration, Value> & Sendable,
        _ range: ClosedRange<Value>
    ) -> Setting {
        Setting(
            key: key,
            get: { String($0[keyPath: path]) },
            set: { configuration, text in
                guard let value = Value(text), range.contains(value) else {
                    return "a whole number from \(range.lowerBound) to \(range.upperBound)"
                }
                configuration[keyPath: path] = value
                return nil
            }
        )
    }

    /// Kafka writes "never" as the greatest 64-bit number.
    static func interval(
        _ key: String,
        _ path: any WritableKeyPath<LogConfiguration, Int64?> & Sendable,
        atLeast minimum: Int64
    ) -> Setting {
        Setting(
            key: key,
            get: { String($0[keyPath: path] ?? Int64.max) },
            set: { configuration, text in
                guard let value = Int64(text), value >= minimum else {
                    return "a whole number from \(minimum) to \(Int64.max), which stands for never"
                }
                configuration[keyPath: path] = value == Int64.max ? nil : value
                return nil
            }
        )
    }

    static func choice<Value: Hashable & Sendable>(
        _ key: String,
        _ path: any WritableKeyPath<LogConfiguration, Value> & Sendable,
        _ choices: [(String, Value)]
    ) -> Setting {
        Setting(
            key: key,
            get: { configuration in choices.first { $0.1 == configuration[keyPath: path] }?.0 ?? "" },
            set: { configuration, text in
                guard let choice = choices.first(where: { $0.0 == text }) else {
                    return "one of \(choices.map(\.0).joined(separator: ", "))"
                }
                configuration[keyPath: path] = choice.1
                return nil
            }
        )
    }

    static let all: [Setting] = [
        choice(
            "cleanup.policy",
            \.cleanupPolicy,
            [
                ("delete", .delete), ("compact", .compact), ("compact,delete", [.compact, .delete]),
                ("delete,compact", [.compact, .delete]),
            ]
        ),
        Setting(
            key: "compression.gzip.level",
            get: { String($0.gzipLevel) },
            set: { configuration, text in
                guard let value = Int(text), (1...9).contains(value) || value == -1 else {
                    return "a whole number from 1 to 9, or -1 for the default"
                }
                configuration.gzipLevel = value
                return nil
            }
        ),
        integer("compression.lz4.level", \.lz4Level, 1...17),
        choice(
            "compression.type",
            \.compressionType,
            [("producer", nil), ("uncompressed", CompressionCodec.none)]
                + CompressionCodec.allCases.filter { $0 != .none }.map { ($0.description, $0) }
        ),
        integer("compression.zstd.level", \.zstdLevel, -131_072...22),
        integer("delete.retention.ms", \.deleteRetentionMs, 0...Int64.max),
        integer("file.delete.delay.ms", \.fileDeleteDelayMs, 0...Int64.max),
        interval("flush.messages", \.flushMessages, atLeast: 1),
        interval("flush.ms", \.flushMs, atLeast: 0),
        integer("index.interval.bytes", \.indexIntervalBytes, 0...Int(Int32.max)),
        integer("max.compaction.lag.ms", \.maxCompactionLagMs, 1...Int64.max),
        integer("max.message.bytes", \.maxMessageBytes, 0...Int(Int32.max)),
        integer("message.timestamp.after.max.ms", \.timestampAfterMaxMs, 0...Int64.max),
        integer("message.timestamp.before.max.ms", \.timestampBeforeMaxMs, 0...Int64.max),
        choice(
            "message.timestamp.type",
            \.timestampType,
            [("CreateTime", .createTime), ("LogAppendTime", .logAppendTime)]
        ),
        Setting(
            key: "min.cleanable.dirty.ratio",
            get: { String($0.minCleanableDirtyRatio) },
            set: { configuration, text in
                guard let value = Double(text), value >= 0, value <= 1 else { return "a number from 0 to 1" }
                configuration.minCleanableDirtyRatio = value
                return nil
            }
        ),
        integer("min.compaction.lag.ms", \.minCompactionLagMs, 0...Int64.max),
        choice("preallocate", \.preallocate, [("true", true), ("false", false)]),
        integer("producer.id.expiration.ms", \.producerIdExpirationMs, 1...Int64.max),
        integer("retention.bytes", \.retentionBytes, -1...Int64.max),
        integer("retention.ms", \.retentionMs, -1...Int64.max),
        // Kafka asks for 14 bytes at least and, since version 4, for a megabyte; small segments are useful in tests.
        integer("segment.bytes", \.segmentBytes, 14...Int(Int32.max)),
        integer("segment.index.bytes", \.segmentIndexBytes, 24...Int(Int32.max)),
        integer("segment.ms", \.segmentMs, 1...Int64.max),
    ]
}

extension LogConfiguration {
    /// The names of all settings, sorted.
    package static let keys: [String] = Setting.all.map(\.key)

    /// A setting as Kafka's tools write it; nil if there is none of that name.
    package func value(of key: String) -> String? {
        Setting.all.first { $0.key == key }?.get(self)
    }

    /// Changes a setting by Kafka's name for it.
    package mutating func set(_ key: String, _ value: String) throws(LogConfigurationError) {
        guard let setting = Setting.all.first(where: { $0.key == key }) else {
            throw .unknownKey(key, known: Self.keys)
        }
        if let allowed = setting.set(&self, value) {
            throw .invalidValue(key: key, value: value, allowed: allowed)
        }
    }
}
