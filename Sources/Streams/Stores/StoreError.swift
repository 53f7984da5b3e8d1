/// Why a call of a store cannot be carried out, or a store not be restored.
public enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The key's serde writes it as null; stores have no row without a key.
    case nullKey(store: String)
    /// The versions of one key take too much memory.
    case historyTooLarge(store: String, bytesMax: Int)
    /// A record of the changelog is not one that this kind of store wrote.
    case invalidChangelog(store: String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .nullKey(let store):
            "the store \(store) was given a key that is written as null; look for nil keys before"
        case .historyTooLarge(let store, let bytesMax):
            "the versions of one key of the store \(store) take more than \(bytesMax) bytes; keep a shorter history"
        case .invalidChangelog(let store):
            "the changelog of the store \(store) has a record that no such store wrote; the topic belongs to a store of "
                + "another kind"
        }
    }
}
