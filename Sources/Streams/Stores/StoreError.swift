/// Why a call of a store cannot be carried out, or a store not be restored.
public enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The key's serde writes it as null; stores have no row without a key.
    case nullKey(store: String)
    /// A window starts, or a session begins, before 1970.
    case negativeTime(store: String, timeMs: Int64)
    /// A session ends before it begins.
    case invalidSession(store: String, Window)
    /// The versions of one key take too much memory.
    case historyTooLarge(store: String, bytesMax: Int)
    /// A global store was to be changed by an operator that does not feed it.
    case readOnly(store: String)
    /// A record of the changelog is not one that this kind of store wrote.
    case invalidChangelog(store: String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .nullKey(let store):
            "the store \(store) was given a key that is written as null; look for nil keys before"
        case .negativeTime(let store, let timeMs):
            "the store \(store) was given a window that starts at \(timeMs); it must start at 0 ms or later"
        case .invalidSession(let store, let window):
            "the store \(store) was given a session from \(window.startMs) to \(window.endMs), which is before it"
        case .historyTooLarge(let store, let bytesMax):
            "the versions of one key of the store \(store) take more than \(bytesMax) bytes; keep a shorter history"
        case .readOnly(let store):
            "the global store \(store) can be changed by the processor that feeds it only; write to its topic instead"
        case .invalidChangelog(let store):
            "the changelog of the store \(store) has a record that no such store wrote; the topic belongs to a store of "
                + "another kind"
        }
    }
}
