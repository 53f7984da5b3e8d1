/// Why a processor's call cannot be carried out.
public enum ProcessorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A record was forwarded to an output that no operator reads.
    case unknownOutput(operator: String, output: String)
    /// A record with a timestamp before 1970 was forwarded.
    case negativeTimestamp(operator: String, timestampMs: Int64)
    /// A punctuation was asked for with an interval under a millisecond, or a beginning before 1970.
    case invalidSchedule(operator: String, problem: String)
    /// The context was used after its task had ended.
    case taskEnded(operator: String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .unknownOutput(let name, let output):
            "\(name) forwards to the output \"\(output)\", which nothing reads: call output(_:) with this reference on the "
                + "stream that process returned"
        case .negativeTimestamp(let name, let timestampMs):
            "\(name) forwards a record with the timestamp \(timestampMs): timestamps are milliseconds since 1970"
        case .invalidSchedule(let name, let problem):
            "\(name) schedules a punctuation that cannot be: \(problem)"
        case .taskEnded(let name):
            "\(name) used its context after its task had ended: keep no context outside of the processor"
        }
    }
}
