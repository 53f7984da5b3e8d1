import Millrace

/// One of NEXMark's questions, as a topology that reads the topic `events` and writes `output`.
package protocol NexmarkQuery: SendableMetatype {
    associatedtype Key: Hashable & Sendable
    associatedtype Result: Hashable & Sendable

    /// What it is known by, such as `q5`.
    static var name: String { get }
    /// How the output is to be read.
    static var output: OutputMode { get }
    /// The keys of the output.
    static var keys: Serde<Key> { get }
    /// The values of the output.
    static var results: Serde<Result> { get }

    /// Adds the query's operators.
    static func build(_ builder: StreamsBuilder)
}

/// What the records of an output mean.
package enum OutputMode: Sendable {
    /// Each is a result of its own.
    case append
    /// Each is the result of its key from now on; null takes it back.
    case update
}

extension NexmarkQuery {
    package static var name: String { "q" + "\(Self.self)".drop { !$0.isNumber } }

    package static func topology() throws -> Topology {
        let builder = StreamsBuilder()
        build(builder)
        return try builder.build()
    }
}

/// All queries, in their order. 10 (files by day and minute) and 13 (a side input as of processing time) are not asked of
/// a log; 23 is not among the original ones.
package let nexmarkQueries: [any NexmarkQuery.Type] = [
    Query0.self, Query1.self, Query2.self, Query3.self, Query4.self, Query5.self, Query6.self, Query7.self, Query8.self,
    Query9.self, Query11.self, Query12.self, Query14.self, Query15.self, Query16.self, Query17.self, Query18.self,
    Query19.self, Query20.self, Query21.self, Query22.self,
]

extension StreamsBuilder {
    /// The auction house's events with all of their columns.
    func events() -> KStream<Int64, Event> { stream("events", keys: .int64, values: .event) }

    /// The same without the text of auctions and bids.
    func eventNumbers(timestamps: TimestampExtractor<Int64, Event> = .ofRecord()) -> KStream<Int64, Event> {
        stream("events", keys: .int64, values: .eventNumbers, timestamps: timestamps)
    }
}

extension KStream where Key == Int64, Value == Event {
    var persons: KStream<Int64, Person> { compactMapValues { $0.person } }
    var auctions: KStream<Int64, Auction> { compactMapValues { $0.auction } }
    var bids: KStream<Int64, Bid> { compactMapValues { $0.bid } }
}
