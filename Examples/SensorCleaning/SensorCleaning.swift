import ExampleSupport
import Millrace
import MillraceFoundationSerdes

/// A feed of sensors is cleaned: what cannot be read or cannot be true goes to a topic of dead letters, with the reason
/// in its headers, in the same transaction as everything else; the rest is averaged per sensor.
struct SensorCleaning: Example {
    static let name = "sensor-cleaning"
    static let usualRecordCount = 20_000
    static let topics = [
        NewTopic("readings", partitions: 3), NewTopic("temperatures", partitions: 3),
        NewTopic("rejected", partitions: 3),
    ]

    static func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("readings", keys: .utf8, values: .json(Reading.self))
            .mapValues(named: "check") { reading in
                guard (-60...60).contains(reading.celsius) else { throw Implausible(celsius: reading.celsius) }
                return reading.celsius
            }
            .groupByKey(values: .float64)
            .aggregate(initial: { Average(sum: 0, count: 0) }, aggregates: .json, store: "averages") {
                _,
                celsius,
                average in
                Average(sum: average.sum + celsius, count: average.count + 1)
            }
            .toStream()
            .to("temperatures", values: .json)
        return try builder.build()
    }

    static func configure(_ configuration: inout StreamsConfiguration) {
        configuration.onDecodingError = .deadLetter(topic: "rejected")
        configuration.onProcessingError = .deadLetter(topic: "rejected")
    }

    static func result(in topics: TopicReader) async throws -> String {
        let averages = try await topics.last(of: "temperatures", keys: .utf8, values: .json(Average.self))
        var table = TextTable("sensor", " readings", " average °C")
        for (sensor, average) in averages.sorted(by: { $0.key < $1.key }) {
            let tenths = Int((average.sum / Double(average.count) * 10).rounded())
            table.add(sensor, "\(average.count)", "\(tenths / 10).\(abs(tenths % 10))")
        }
        let rejected = try await topics.records(of: "rejected")
        func share(_ exception: String) -> Int {
            rejected.count { record in
                // The full name of the error's type, its module's included.
                let name = String(decoding: record.headers["__streams.errors.exception"] ?? [], as: UTF8.self)
                return name.split(separator: ".").last.map(String.init) == exception
            }
        }
        return """
            \(table.text)

            rejected: \(rejected.count) (\(share("SerdeError")) unreadable, \(share("Implausible")) implausible)
            """
    }
}

/// A sum and a count.
struct Average: Codable, Sendable {
    var sum: Double
    var count: Int
}
