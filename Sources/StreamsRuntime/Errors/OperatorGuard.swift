/// Runs the functions that a user gave to an operator. When one throws, the application's policy decides, and only this
/// operator's work on the record is left out: what was stored before stays, and other branches get the record.
///
/// Costs nothing while nothing throws.
public struct OperatorGuard {
    @usableFromInline let stage: FailedRecord.Stage
    @usableFromInline let operatorName: String
    @usableFromInline let failures: FailureHandling

    /// The result; nil if the work is to be left out.
    @inlinable
    public func attempt<Result>(_ body: () throws -> Result) throws -> Result? {
        do {
            return try body()
        } catch {
            return try recover(from: error, body)
        }
    }

    @usableFromInline
    func recover<Result>(from first: any Error, _ body: () throws -> Result) throws -> Result? {
        var error = first
        var attempt = 1
        while try failures.shouldRetry(stage, operatorName, after: error, attempt: attempt) {
            do {
                return try body()
            } catch let next {
                error = next
                attempt += 1
            }
        }
        return nil
    }
}

/// Reads the keys and values of a source; when one cannot be read, the application's policy decides.
public struct DecodingGuard {
    @usableFromInline let key: OperatorGuard
    @usableFromInline let value: OperatorGuard

    /// The key; nil if the record is to be left out.
    @inlinable
    public func key<Key>(_ read: () throws -> Key) throws -> Key? { try key.attempt(read) }

    /// The value; nil if the record is to be left out.
    @inlinable
    public func value<Value>(_ read: () throws -> Value) throws -> Value? { try value.attempt(read) }
}

extension TaskContext {
    /// What runs the user's functions of an operator.
    public func guarded(_ operatorName: String) -> OperatorGuard {
        OperatorGuard(stage: .processing, operatorName: operatorName, failures: failures)
    }

    /// What writes the results that go to a topic.
    public func guardedProduction(_ operatorName: String, to topic: String) -> OperatorGuard {
        OperatorGuard(stage: .production(topic: topic), operatorName: operatorName, failures: failures)
    }

    /// What reads the records of a source.
    public func guardedDecoding(_ operatorName: String) -> DecodingGuard {
        DecodingGuard(
            key: OperatorGuard(stage: .decoding(.key), operatorName: operatorName, failures: failures),
            value: OperatorGuard(stage: .decoding(.value), operatorName: operatorName, failures: failures)
        )
    }
}
