import MillraceStreamsRuntime

/// What tells the time of a source's records: what Kafka Streams calls `TimestampExtractor`.
///
///     builder.stream(
///         "readings",
///         keys: .utf8,
///         values: reading,
///         timestamps: TimestampExtractor { record, _ in record.value.measuredAtMs }
///     )
///
/// All that goes by time goes by this one: windows, joins, the order in which a task takes records from its topics. It is
/// the timestamp of what is made of the record.
public struct TimestampExtractor<Key, Value>: Sendable {
    /// What is done with a record whose own timestamp is negative: it was written without one.
    public enum InvalidTimestampPolicy: Hashable, Sendable {
        /// Stop with an error that names the record. Kafka: `FailOnInvalidTimestamp`.
        case fail
        /// Leave it out, log and count it. Kafka: `LogAndSkipOnInvalidTimestamp`.
        case skip
        /// Take the greatest timestamp that was seen in its partition; stop if there is none yet. Kafka:
        /// `UsePartitionTimeOnInvalidTimestamp`.
        case usePartitionTime
    }

    /// How the time is told.
    @usableFromInline
    enum Rule: Sendable {
        case record(InvalidTimestampPolicy)
        case wallClock
        case custom(Extraction)
    }

    /// A function of the user's; in a struct, so that it is wrapped in no further thunk.
    @usableFromInline
    struct Extraction: Sendable {
        @usableFromInline let timestampMs: @Sendable (Record<Key, Value>, Int64) throws -> Int64

        @inlinable
        init(_ timestampMs: @escaping @Sendable (Record<Key, Value>, Int64) throws -> Int64) {
            self.timestampMs = timestampMs
        }
    }

    @usableFromInline let rule: Rule

    @inlinable
    init(_ rule: Rule) {
        self.rule = rule
    }

    /// Takes the time from what the record holds.
    ///
    /// - Parameter timestampMs: takes the record and the greatest timestamp seen in its partition so far (-1 for none), and
    ///   gives milliseconds since 1970. A negative result leaves the record out: it is logged and counted. It may be
    ///   called more than once for a record and must then give the same.
    @inlinable
    public init(
        _ timestampMs: @escaping @Sendable (_ record: Record<Key, Value>, _ partitionTimeMs: Int64) throws -> Int64
    ) {
        rule = .custom(Extraction(timestampMs))
    }

    /// The record's own timestamp; the default is to fail if it has none.
    @inlinable
    public static func ofRecord(onInvalid policy: InvalidTimestampPolicy = .fail) -> TimestampExtractor {
        TimestampExtractor(.record(policy))
    }

    /// The time at which the record is processed. Kafka: `WallclockTimestampExtractor`.
    @inlinable
    public static var wallClock: TimestampExtractor { TimestampExtractor(.wallClock) }
}
