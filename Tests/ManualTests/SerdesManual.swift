import Millrace
import MillraceFoundationSerdes
import MillraceTestKit
import Testing

/// The code of the manual's page on serdes, run.
struct SerdesManual {
    // snippet: serde-json
    struct Order: Codable, Sendable {
        var customer: String
        var cents: Int64
    }

    func totals() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("orders", keys: .uuid, values: .json(Order.self))
            .groupBy(keys: .utf8) { _, order in order.customer }
            .aggregate(initial: { 0 }, aggregates: .int64, store: "totals") { _, order, total in total + order.cents }
            .toStream()
            .to("totals", values: .optional(.int64))
        return try builder.build()
    }
    // snippet.end

    @Test("Orders are read as JSON")
    func json() throws {
        let driver = try TopologyTestDriver(try totals())
        try driver.input("orders", keys: .utf8, values: .utf8)
            .pipe("6F9619FF-8B86-D011-B42D-00C04FC964FF", #"{"customer": "ada", "cents": 700}"#)
        #expect(try driver.store("totals", keys: .utf8, values: .int64).value(for: "ada") == 700)
    }

    @Test("Serdes of one's own read what they wrote")
    func own() throws {
        let temperature = Serde.celsius
        #expect(try temperature.bytes(of: Celsius(degrees: 21.5)) == [0, 0, 8, 102])
        #expect(try temperature.value(of: [0, 0, 8, 102]).degrees == 21.5)
        #expect(throws: SerdeError.self) { try temperature.value(of: [1]) }
        let color = Serde.color
        #expect(try color.bytes(of: .red) == Array("red".utf8))
        #expect(try color.value(of: Array("green".utf8)) == .green)
        let id = Serde.orderId
        #expect(try id.value(of: Array("o1".utf8)).text == "o1")
    }
}

// snippet: serde-own
struct Celsius: Sendable {
    var degrees: Double
}

extension Serde where Value == Celsius {
    static var celsius: Serde<Celsius> {
        Serde(
            encode: { value, writer in writer.append(Int32(value.degrees * 100)) },
            decode: { bytes in
                guard bytes.byteCount == 4 else { throw SerdeError.wrongSize(expected: 4, actual: bytes.byteCount) }
                return Celsius(degrees: Double(Int32(bigEndian: bytes.unsafeLoadUnaligned(as: Int32.self))) / 100)
            }
        )
    }
}

enum Color: String, Sendable { case red, green }

extension Serde where Value == Color {
    static var color: Serde<Color> { .rawValue(.utf8) }
}

struct OrderId: Sendable {
    var text: String
}

extension Serde where Value == OrderId {
    static var orderId: Serde<OrderId> { Serde<String>.utf8.converted(to: { OrderId(text: $0) }, from: { $0.text }) }
}
// snippet.end
