/// In which order the results of asynchronous calls are passed on.
public struct AsyncOrder<Key>: Sendable {
    /// What calls of one key are recognised by; nil if all of them are in one order.
    let identity: (@Sendable (Key) -> AnyHashable)?

    /// In the order of the input. Calls run side by side; a slow one holds back the results after it.
    public static var perPartition: AsyncOrder<Key> { AsyncOrder(identity: nil) }
}

extension AsyncOrder where Key: Hashable & Sendable {
    /// In the order of the input for each key. The call for a record begins when the one before it with the same key has
    /// ended; results of different keys are passed on as they come.
    public static var perKey: AsyncOrder<Key> { AsyncOrder { AnyHashable($0) } }
}

/// How an asynchronous call that fails is tried again, while others go on.
public struct AsyncRetry: Hashable, Sendable {
    /// How many further tries.
    public var attempts: Int
    /// The pause before the first of them; each further one is twice as long.
    public var firstPause: Duration
    /// No pause is longer.
    public var longestPause: Duration

    /// No further try: the application's `onProcessingError` decides at once.
    public static var none: AsyncRetry { AsyncRetry(attempts: 0, firstPause: .zero, longestPause: .zero) }

    /// So many further tries after growing pauses; then the application's `onProcessingError` decides.
    public static func upTo(
        _ attempts: Int,
        firstPause: Duration = .milliseconds(100),
        longestPause: Duration = .seconds(2)
    ) -> AsyncRetry {
        AsyncRetry(attempts: attempts, firstPause: firstPause, longestPause: longestPause)
    }

    /// The pause after so many failed tries, 1 or more; nil if there is no further one.
    func pause(after failed: Int) -> Duration? {
        failed > attempts ? nil : min(firstPause * (1 << min(failed - 1, 30)), longestPause)
    }
}

/// An asynchronous call took longer than it may.
public struct AsyncTimeout: Error, Hashable, CustomStringConvertible {
    /// How long it may take.
    public var limit: Duration

    /// What happened.
    public var description: String { "the call took longer than \(limit)" }
}
