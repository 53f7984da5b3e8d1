/// Why a record that an operator was given by the user's code is refused.
public enum RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A timestamp before 1970, which Kafka has no use for.
    case negativeTimestamp(Int64)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .negativeTimestamp(let timestampMs):
            "a record cannot have the timestamp \(timestampMs): timestamps count milliseconds since 1970"
        }
    }

    /// The timestamp, if it is one that a record can have.
    @inlinable
    static func check(timestampMs: Int64) throws(RecordError) -> Int64 {
        guard timestampMs >= 0 else { throw .negativeTimestamp(timestampMs) }
        return timestampMs
    }
}

extension Record {
    /// The record, if it is one that can be written.
    @inlinable
    func checked() throws(RecordError) -> Record {
        _ = try RecordError.check(timestampMs: timestampMs)
        return self
    }
}
