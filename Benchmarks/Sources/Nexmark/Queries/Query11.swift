import Millrace

/// User sessions: how many bids each person made without a pause of more than 10 seconds.
///
/// Bids come to their bidders from all partitions, not in the order of their times: sessions wait for an hour of event
/// time. Until then one that grows takes back its former result.
package enum Query11: NexmarkQuery {
    package static let output = OutputMode.update
    package static let keys = Serde<Windowed<Int64>>.sessionWindowed(.int64)
    package static let results = Serde<Int64>.int64

    package static func build(_ builder: StreamsBuilder) {
        builder.eventNumbers().bids
            .groupBy(keys: .int64) { _, bid in bid.bidder }
            .windowedBy(.sessions(inactivityGap: .seconds(10), grace: .seconds(3_600)))
            .count(store: "bids-in-sessions")
            .toStream()
            .to("output", keys: keys, values: results)
    }
}
