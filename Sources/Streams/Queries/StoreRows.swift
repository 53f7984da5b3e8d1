import MillraceStreamsRuntime

/// The rows of a store that were asked for, over all its partitions, in the order of the bytes of their keys. They are
/// read page by page while one goes through them.
///
///     for try await row in counts.range(from: "a", through: "c") { print(row.key, row.value) }
///
/// Each page is of one moment between two records of a task; pages one after the other may be of different moments. A row
/// that is there all the time comes once.
public struct StoreRows<Row>: AsyncSequence, Sendable {
    /// A row.
    public typealias Element = Row
    /// What reading a page may fail with.
    public typealias Failure = QueryError

    let query: StoreQuery
    let range: StoredRange
    let partitions: Range<Int32>
    /// How many rows are wanted at most.
    var countMax = Int.max
    let decode: @Sendable (StoredRow) throws -> Row

    /// The first rows of these: what is read of the store is no more than a page that holds as many.
    public func first(_ count: Int) -> StoreRows {
        var rows = self
        rows.countMax = Swift.min(countMax, Swift.max(0, count))
        return rows
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(rows: self, parts: partitions.map { AsyncIterator.Part(partition: $0, rest: range) })
    }

    /// Brings the partitions' pages together: the smallest key of all comes next.
    public struct AsyncIterator: AsyncIteratorProtocol {
        struct Part {
            let partition: Int32
            /// What was not read yet; nil if nothing is left.
            var rest: StoredRange?
            var page = StoredPage()
            /// The next row of the page.
            var position = 0

            init(partition: Int32, rest: StoredRange) {
                self.partition = partition
                self.rest = rest
            }

            var isEmpty: Bool { position == page.count }
            var wantsPage: Bool { isEmpty && rest != nil }
        }

        let rows: StoreRows
        var parts: [Part]
        var count = 0

        /// The next row; nil after the last one.
        public mutating func next() async throws(QueryError) -> Row? { try await next(isolation: nil) }

        /// The next row; nil after the last one. Rows of a page that was read already come without leaving the caller's
        /// actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(QueryError) -> Row? {
            guard count < rows.countMax else { return nil }
            if parts.contains(where: \.wantsPage) { try await fill(isolation: actor) }
            var best: Int?
            for index in parts.indices where !parts[index].isEmpty {
                if best.map({ comes(index, before: $0) }) ?? true { best = index }
            }
            guard let best else { return nil }
            defer { parts[best].position += 1 }
            count += 1
            do {
                return try parts[best].page.withRow(at: parts[best].position, rows.decode)
            } catch {
                throw .serde(store: rows.query.store, reason: "\(error)")
            }
        }

        private func comes(_ index: Int, before other: Int) -> Bool {
            let (left, right) = rows.range.isDescending ? (other, index) : (index, other)
            return parts[left].page.isRow(parts[left].position, before: parts[right].page, parts[right].position)
        }

        /// Reads the next pages of the partitions that have no row at hand, side by side.
        private mutating func fill(isolation actor: isolated (any Actor)?) async throws(QueryError) {
            while true {
                let wanted = parts.indices.filter { parts[$0].wantsPage }
                if wanted.isEmpty { return }
                if wanted.count == 1 {
                    try await fill(wanted[0], isolation: actor)
                    continue
                }
                let (query, left) = (rows.query, rows.countMax - count)
                let pages = await withTaskGroup(of: (Int, Result<StoredPage, QueryError>).self) { group in
                    for index in wanted {
                        guard let rest = parts[index].rest else { continue }
                        let partition = parts[index].partition
                        group.addTask {
                            do throws(QueryError) {
                                return (index, .success(try await query.page(rest, of: partition, rowCountMax: left)))
                            } catch {
                                return (index, .failure(error))
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                for (index, page) in pages.sorted(by: { $0.0 < $1.0 }) { take(try page.get(), into: index) }
            }
        }

        private mutating func fill(_ index: Int, isolation actor: isolated (any Actor)?) async throws(QueryError) {
            guard let rest = parts[index].rest else { return }
            let partition = parts[index].partition
            take(try await rows.query.page(rest, of: partition, rowCountMax: rows.countMax - count), into: index)
        }

        private mutating func take(_ page: StoredPage, into index: Int) {
            parts[index].page = page
            parts[index].position = 0
            parts[index].rest = page.rest
        }
    }
}
