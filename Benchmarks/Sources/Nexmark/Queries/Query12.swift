import Millrace

/// Processing time windows: how many bids each person made in each 10 seconds of the wall clock.
///
/// In which windows the bids are depends on when they are processed; how many of each bidder there are in all windows
/// together does not, and that is what is checked.
package enum Query12: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Windowed<Int64>>.timeWindowed(.int64, size: .seconds(10))
    package static let results = Serde<Int64>.int64

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers(timestamps: .wallClock).bids
            .groupBy(keys: .int64) { _, bid in bid.bidder }
            .windowedBy(.tumbling(size: .seconds(10), grace: .seconds(3_600)))
            .count(store: "bids-in-windows")
            .toStream()
            .to("output", keys: keys, values: results)
    }
}
