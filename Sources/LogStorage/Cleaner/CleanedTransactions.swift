import MillracePrimitives
import MillraceRecordFormat

/// Follows transactions while a log is cleaned from its beginning on: which batches were aborted, and which markers have
/// nothing left that they decide.
///
/// Source: LE-82, LE-83; Kafka's `CleanedTransactionMetadata`.
struct CleanedTransactions {
    private struct Aborted {
        var entry: AbortedTransaction
        /// Whether any of its batches was still there.
        var wasSeen = false
    }

    /// In the order of first offsets; those from `next` on have not begun yet.
    private let aborted: [AbortedTransaction]
    private var next = 0
    /// Aborted transactions that have begun, by producer.
    private var ongoingAborted: [Int64: Aborted] = [:]
    /// Producers with batches of a transaction that was committed, as it was not aborted.
    private var ongoingCommitted: Set<Int64> = []
    /// Aborted transactions whose marker was kept because something of them was left, since they were last taken.
    private var kept: [AbortedTransaction] = []

    /// - Parameter aborted: all that overlap what is read.
    init(_ aborted: [AbortedTransaction]) {
        self.aborted = aborted.sorted { $0.firstOffset < $1.firstOffset }
    }

    /// Takes note of a batch of data; returns whether it was aborted.
    mutating func readData(_ header: RecordBatchHeader) -> Bool {
        begin(upTo: header.lastOffset)
        guard header.attributes.isTransactional else { return false }
        let id = header.producer.id
        if let entry = ongoingAborted[id]?.entry {
            if header.baseOffset < entry.lastOffset {
                ongoingAborted[id]?.wasSeen = true
                return true
            }
            // Its marker is gone; this is a later transaction.
            ongoingAborted[id] = nil
        }
        ongoingCommitted.insert(id)
        return false
    }

    /// Takes note of a marker; returns whether nothing is left of the transaction that it ended.
    mutating func readMarker(_ marker: EndTransactionMarker, _ header: RecordBatchHeader) -> Bool {
        begin(upTo: header.lastOffset)
        switch marker.result {
        case .abort:
            guard let ended = ongoingAborted.removeValue(forKey: header.producer.id), ended.wasSeen else { return true }
            kept.append(ended.entry)
            return false
        case .commit:
            return ongoingCommitted.remove(header.producer.id) == nil
        }
    }

    /// What the transaction index of the segment that was just read has to hold.
    mutating func takeKept() -> [AbortedTransaction] {
        defer { kept = [] }
        return kept
    }

    private mutating func begin(upTo offset: Int64) {
        while next < aborted.count, aborted[next].firstOffset <= offset {
            ongoingAborted[aborted[next].producerId] = Aborted(entry: aborted[next])
            next += 1
        }
    }
}
