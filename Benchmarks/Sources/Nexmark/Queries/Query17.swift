import Millrace

/// Auction statistics: for each auction and day the number of bids, all and by rank, and the least, greatest and mean
/// price and the sum of all.
package enum Query17: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Windowed<Int64>>.timeWindowed(.int64, size: .seconds(86_400))
    package static let results = Serde<PriceStatistics>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers().bids
            .mapValues { bid in bid.price }
            .groupByKey(values: .int64)
            .windowedBy(.tumbling(size: .seconds(86_400), grace: .zero))
            .aggregate(into: PriceStatistics(), aggregates: .columns, store: "prices-of-days") { prices, _, price in
                prices.add(price)
            }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// The prices of an auction's bids.
package struct PriceStatistics: Columns {
    package var ranks = BidRanks()
    package var least = Int64.max
    package var greatest = Int64.min
    package var sum: Int64 = 0

    /// Without decimals, as in SQL.
    package var mean: Int64 { sum / max(ranks.total, 1) }

    package init() {}

    package init(from reader: inout ColumnReader) throws {
        ranks = try BidRanks(from: &reader)
        least = try reader.int64()
        greatest = try reader.int64()
        sum = try reader.int64()
        guard try reader.int64() == mean else { throw SerdeError.invalid("the mean is not that of sum and number") }
    }

    package func write(to writer: inout ByteWriter) {
        ranks.write(to: &writer)
        writer.append(least)
        writer.append(greatest)
        writer.append(sum)
        writer.append(mean)
    }

    mutating func add(_ price: Int64) {
        ranks.add(price: price)
        least = min(least, price)
        greatest = max(greatest, price)
        sum += price
    }
}
