import MillraceStreamsRuntime
import MillraceTopology

/// What stands behind a table while its topology is built: whether its updates carry the values before them, and where its
/// rows can be looked up. Both are asked for by operators that come after it, and may give it a store that it would do
/// without.
@usableFromInline
final class TableBacking<Key, Value>: @unchecked Sendable {
    // Sendable because only the thread that builds the topology changes it, before `build()`; then it is only read.

    /// Whether updates carry old values; read when a task is composed.
    @usableFromInline private(set) var sendsOldValues = false
    private let canSendOldValues: (_ isForced: Bool) -> Bool
    private let makeRows: () -> TableRows<Key, Value>

    /// - Parameters:
    ///   - canSendOldValues: arranges for old values; told whether a table may be given a store for it. Whether it did.
    ///   - makeRows: arranges for lookups; a table without a store asks the one it was derived from.
    @usableFromInline
    init(
        canSendOldValues: @escaping (_ isForced: Bool) -> Bool,
        makeRows: @escaping () -> TableRows<Key, Value>
    ) {
        self.canSendOldValues = canSendOldValues
        self.makeRows = makeRows
    }

    /// A table that has a store in any case.
    @usableFromInline
    convenience init(rows: TableRows<Key, Value>) {
        self.init(canSendOldValues: { _ in true }, makeRows: { rows })
    }

    /// Asks for old values in updates.
    ///
    /// - Parameter isForced: whether to give the source a store if it has none; otherwise old values are sent only if
    ///   that takes no store more.
    /// - Returns: whether updates will carry old values.
    @usableFromInline
    @discardableResult
    func requestOldValues(isForced: Bool) -> Bool {
        if !sendsOldValues { sendsOldValues = canSendOldValues(isForced) }
        return sendsOldValues
    }

    /// Asks for the rows; a source without a store is given one.
    @usableFromInline
    func rows() -> TableRows<Key, Value> { makeRows() }
}
