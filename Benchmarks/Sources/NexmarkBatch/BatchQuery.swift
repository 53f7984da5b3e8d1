import Nexmark

/// A query whose answer a plain program over all events knows as well: loops and dictionaries, nothing of the framework,
/// and nothing of the query's own operators.
package protocol BatchQuery: NexmarkQuery {
    typealias Row = OutputRow<Key, Result>

    /// The rows that the output must have in the end, in any order.
    static func answer(to events: [Event]) -> [Row]

    /// What of the rows is compared; all unless a query says otherwise.
    static func comparable(_ rows: [Row]) -> [Row]
}

extension BatchQuery {
    package static func comparable(_ rows: [Row]) -> [Row] { rows }
}

extension NexmarkRun {
    /// Compares the committed output of a query with the answer of the batch program.
    package func check<Query: BatchQuery>(_ query: Query.Type, against events: [Event]) throws -> Comparison {
        var rows = try output(of: query)
        if query.output == .update {
            var last: [Query.Key: Query.Result] = [:]
            for row in rows { last[row.key] = row.result }
            rows = last.map { OutputRow(key: $0, result: $1) }
        }
        return Comparison(
            query: query.name,
            expected: query.comparable(query.answer(to: events)),
            actual: query.comparable(rows)
        )
    }
}

/// How an output and the answer differ.
package struct Comparison: Sendable, CustomStringConvertible {
    package let query: String
    package let expectedCount: Int
    package let missingCount: Int
    package let unexpectedCount: Int
    /// The first few of each.
    package let examples: [String]

    package init<Row: Hashable>(query: String, expected: [Row], actual: [Row]) {
        self.query = query
        expectedCount = expected.count
        var counts: [Row: Int] = [:]
        counts.reserveCapacity(expected.count)
        for row in expected { counts[row, default: 0] += 1 }
        for row in actual { counts[row, default: 0] -= 1 }
        let differences = counts.filter { $0.value != 0 }
        missingCount = differences.values.reduce(0) { $0 + max($1, 0) }
        unexpectedCount = differences.values.reduce(0) { $0 + max(-$1, 0) }
        examples =
            differences.filter { $0.value > 0 }.prefix(3).map { "missing: \($0.key)" }
            + differences.filter { $0.value < 0 }.prefix(3).map { "unexpected: \($0.key)" }
    }

    package var isEqual: Bool { missingCount == 0 && unexpectedCount == 0 }

    package var description: String {
        if isEqual { return "\(query): \(expectedCount) rows are equal" }
        let counts =
            "\(query): of \(expectedCount) rows \(missingCount) are missing, \(unexpectedCount) others are there"
        return ([counts] + examples).joined(separator: "\n  ")
    }
}

/// All queries; that each has a batch program is checked by the tests.
package let batchQueries: [any BatchQuery.Type] = nexmarkQueries.compactMap { $0 as? any BatchQuery.Type }

extension Sequence where Element == Event {
    var persons: [Person] { compactMap(\.person) }
    var auctions: [Auction] { compactMap(\.auction) }
    var bids: [Bid] { compactMap(\.bid) }
}

func row<Key, Result>(_ key: Key, _ result: Result) -> OutputRow<Key, Result> { OutputRow(key: key, result: result) }
