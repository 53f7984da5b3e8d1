import MillracePrimitives

/// Holds updates of a table back for a time.
public struct TimeLimit: Hashable, Sendable {
    @usableFromInline let limitMs: Int64

    /// Until an update is this much older than the newest, in the time of the records; further updates of the row in the
    /// meantime take its place.
    public static func timeLimit(_ limit: Duration) -> TimeLimit { TimeLimit(limitMs: limit.wholeMilliseconds) }
}

/// Holds results of windows back until they are final.
public struct WindowClose: Hashable, Sendable {
    /// Until the window and its grace have passed: one result a window.
    public static var windowCloses: WindowClose { WindowClose() }
}

/// How much a suppression may hold back, and what it does when that is not enough.
public struct SuppressionBuffer: Hashable, Sendable {
    /// What to do when the buffer is full.
    public enum Overflow: Hashable, Sendable {
        /// Let the earliest updates go before their time.
        case emitEarly
        /// Stop with an error: better no result than one that is not final.
        case shutDown
    }

    /// The most rows held back; nil for no bound.
    public var maxRecords: Int?
    /// The most bytes of keys and values held back; nil for no bound.
    public var maxBytes: Int?
    /// What to do when it is full.
    public var whenFull: Overflow

    /// As much as memory takes.
    public static var unbounded: SuppressionBuffer { SuppressionBuffer(whenFull: .shutDown) }

    /// No more than some rows or bytes, whichever is reached first.
    public static func bounded(
        maxRecords: Int? = nil,
        maxBytes: Int? = nil,
        whenFull: Overflow
    ) -> SuppressionBuffer {
        SuppressionBuffer(maxRecords: maxRecords, maxBytes: maxBytes, whenFull: whenFull)
    }

    /// What makes no sense about the bounds.
    @usableFromInline var problem: String? {
        if let maxRecords, maxRecords < 0 { return "a buffer cannot hold \(maxRecords) records" }
        if let maxBytes, maxBytes < 0 { return "a buffer cannot hold \(maxBytes) bytes" }
        return nil
    }
}

/// A suppression held back more than its buffer takes.
public struct SuppressionBufferFull: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operator.
    public var operatorName: String
    /// The rows that it holds.
    public var records: Int
    /// Their bytes.
    public var bytes: Int

    @usableFromInline
    init(operatorName: String, records: Int, bytes: Int) {
        self.operatorName = operatorName
        self.records = records
        self.bytes = bytes
    }

    /// What is wrong and what to do.
    public var description: String {
        "\(operatorName) holds \(records) updates of \(bytes) bytes back, more than its buffer takes: give it a larger one, "
            + "or let it emit early"
    }
}
