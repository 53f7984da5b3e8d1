import MillraceLogClient
import MillraceStreamsRuntime

extension TopicOutput {
    /// Appends a record to each of the chosen partitions, or to none if one of them does not exist.
    @usableFromInline
    func append(
        to choice: PartitionChoice,
        key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        timestamp: Int64,
        headers: UnsafeRawBufferPointer
    ) throws {
        func append(_ partitions: some Sequence<Int32>) throws {
            for partition in partitions {
                try self.append(to: partition, key: key, value: value, timestamp: timestamp, headers: headers)
            }
        }
        switch choice {
        case .byKey: try self.append(key: key, value: value, timestamp: timestamp, headers: headers)
        case .partition(let partition): try append(CollectionOfOne(partition))
        case .partitions(let partitions):
            let sorted = partitions.sorted()
            // An append outside of the topic is refused; the first and the last decide before anything is written.
            if let first = sorted.first, first < 0 { return try append(CollectionOfOne(first)) }
            if let last = sorted.last, last >= partitionCount { return try append(CollectionOfOne(last)) }
            try append(sorted)
        case .all: try append(0..<partitionCount)
        case .drop: return
        }
    }
}
