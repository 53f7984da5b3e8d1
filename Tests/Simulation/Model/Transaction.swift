import MillracePrimitives

/// A transaction of one owner, as the model knows it.
struct Transaction {
    enum Fate: Hashable {
        /// Its end was not asked for, or the broker refused to commit: no reader of committed data ever sees it.
        case open
        /// A commit was asked for, and the answer did not come: all of it or nothing.
        case inDoubt
        case committed
        case aborted
    }

    /// What was asked about its position, the offset of which is the transaction's own number.
    enum Position: Hashable {
        case none
        case unknown
        case acknowledged
    }

    let number: Int
    let transactionalId: String
    var batches: [Int] = []
    var position = Position.none
    var fate = Fate.open
}
