import MillraceStreamsRuntime

/// The rows of a range of keys over all partitions of a store, in the order of the keys' bytes, read page by page.
public struct KeyValueSequence<Key, Value>: AsyncSequence, Sendable {
    /// A row.
    public typealias Element = KeyValueRow<Key, Value>
    /// What reading a page may fail with.
    public typealias Failure = QueryError

    let view: KeyValueView<Key, Value>
    let range: StoredKeyRange
    let partitionCount: Int32

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(
            view: view,
            parts: (0..<partitionCount).map { AsyncIterator.Part(partition: $0, rest: range) },
            isDescending: range.isDescending
        )
    }

    /// Brings the partitions' pages together: the smallest key of all comes next.
    public struct AsyncIterator: AsyncIteratorProtocol {
        struct Part {
            var partition: Int32
            /// What was not read yet; nil if nothing is left.
            var rest: StoredKeyRange?
            var rows: ArraySlice<StoredRow> = []

            init(partition: Int32, rest: StoredKeyRange) {
                self.partition = partition
                self.rest = rest
            }
        }

        let view: KeyValueView<Key, Value>
        var parts: [Part]
        let isDescending: Bool

        /// The next row; nil after the last one.
        public mutating func next() async throws(QueryError) -> KeyValueRow<Key, Value>? {
            var best: Int?
            for index in parts.indices {
                try await fill(index)
                guard let key = parts[index].rows.first?.key else { continue }
                guard let current = best, let bestKey = parts[current].rows.first?.key else {
                    best = index
                    continue
                }
                let isBefore =
                    isDescending ? bestKey.lexicographicallyPrecedes(key) : key.lexicographicallyPrecedes(bestKey)
                if isBefore { best = index }
            }
            guard let best, let row = parts[best].rows.popFirst() else { return nil }
            return try view.decode(row)
        }

        private mutating func fill(_ index: Int) async throws(QueryError) {
            guard parts[index].rows.isEmpty, let rest = parts[index].rest else { return }
            let page = try await view.page(rest, of: parts[index].partition)
            parts[index].rows = page.rows[...]
            parts[index].rest = page.isLast ? nil : page.rows.last.map { rest.after($0.key) }
        }
    }
}
