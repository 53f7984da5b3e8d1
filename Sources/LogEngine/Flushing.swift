import MillraceLogStorage
import MillracePrimitives

/// A log that is to be durable up to an offset.
package struct FlushTarget: Sendable {
    package var partition: Partition
    package var endOffset: Int64

    package init(_ partition: Partition, upTo endOffset: Int64) {
        self.partition = partition
        self.endOffset = endOffset
    }
}

extension Crew {
    /// Makes several logs durable, side by side: the disk serves many waits in little more than the time of one. Returns
    /// the failures, by the place of their target in the list; each target is tried.
    func flush(_ targets: [FlushTarget]) -> [Int: BrokerError] {
        let due = targets.indices.filter { !targets[$0].partition.isDurable(upTo: targets[$0].endOffset) }
        let failures = collect(due.count) { part -> BrokerError? in
            let target = targets[due[part]]
            do throws(BrokerError) {
                try target.partition.flush(upTo: target.endOffset)
                return nil
            } catch {
                return error
            }
        }
        return Dictionary(
            uniqueKeysWithValues: zip(due, failures).compactMap { index, failure in failure.map { (index, $0) } }
        )
    }

    /// The same; throws the first failure after all were tried.
    func flushAll(_ targets: [FlushTarget]) throws(BrokerError) {
        if let first = flush(targets).min(by: { $0.key < $1.key }) { throw first.value }
    }
}

extension EmbeddedBroker {
    /// Makes several logs durable; returns the failures, by the place of their target in the list.
    package func flush(_ targets: [FlushTarget]) -> [Int: BrokerError] { crew.flush(targets) }
}
