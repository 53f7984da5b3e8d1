import Millrace

/// Hot items: for windows of 10 seconds, one every 2 seconds, the auctions with the most bids.
///
/// Counts are final when their window closes; they are put together by window, so that a window's result grows until the
/// counts of all partitions have come. (A result that comes once would need one clock for all partitions.)
package enum Query5: NexmarkQuery {
    package static let output = OutputMode.update
    /// The beginning of the window, in milliseconds since 1970.
    package static let keys = Serde<Int64>.int64
    package static let results = Serde<HotItems>.columns

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers().bids
            .groupByKey()
            .windowedBy(.hopping(size: .seconds(10), advance: .seconds(2), grace: .zero))
            .emitStrategy(.onWindowClose)
            .count(store: "bids-in-windows")
            .toStream()
            .compactMapValues { count in count }
            .map { windowed, count in (windowed.window.startMs, HotItems(bids: count, auctions: [windowed.key])) }
            .groupByKey(keys: .int64, values: .columns)
            .reduce(store: "hot-items") { hottest, items in hottest.merged(with: items) }
            .toStream()
            .to("output", keys: keys, values: results)
    }
}

/// The auctions with the most bids, in the order of their ids.
package struct HotItems: Columns {
    package var bids: Int64
    package var auctions: [Int64]

    package init(bids: Int64, auctions: [Int64]) {
        self.bids = bids
        self.auctions = auctions
    }

    package init(from reader: inout ColumnReader) throws {
        bids = try reader.int64()
        auctions = []
        for _ in 0..<(try reader.integer(UInt32.self)) { auctions.append(try reader.int64()) }
    }

    package func write(to writer: inout ByteWriter) {
        writer.append(bids)
        writer.append(UInt32(truncatingIfNeeded: auctions.count))
        for auction in auctions { writer.append(auction) }
    }

    func merged(with other: HotItems) -> HotItems {
        if bids != other.bids { return bids > other.bids ? self : other }
        return HotItems(bids: bids, auctions: (auctions + other.auctions).sorted())
    }
}
