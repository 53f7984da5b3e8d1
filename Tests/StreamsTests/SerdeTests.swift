import FoundationEssentials
import Millrace
import MillraceFoundationSerdes
import Testing

@Suite("Serdes")
struct SerdeTests {
    @Test("numbers are big-endian, as Kafka's serialisers write them")
    func numbers() throws {
        #expect(try Serde<Int64>.int64.bytes(of: -2) == [255, 255, 255, 255, 255, 255, 255, 254])
        #expect(try Serde<Int>.int.bytes(of: 258) == [0, 0, 0, 0, 0, 0, 1, 2])
        #expect(try Serde<Int32>.int32.bytes(of: 0x0102_0304) == [1, 2, 3, 4])
        #expect(try Serde<Int16>.int16.bytes(of: -1) == [255, 255])
        #expect(try Serde<UInt64>.uint64.bytes(of: .max) == Array(repeating: 255, count: 8))
        #expect(try Serde<UInt32>.uint32.bytes(of: 1) == [0, 0, 0, 1])
        #expect(try Serde<Double>.float64.bytes(of: 1.5) == [0x3f, 0xf8, 0, 0, 0, 0, 0, 0])
        #expect(try Serde<Float>.float32.bytes(of: -2) == [0xc0, 0, 0, 0])
        #expect(try Serde<Bool>.bool.bytes(of: true) == [1])
    }

    @Test("what was written is read back")
    func roundTrips() throws {
        func check<Value: Equatable>(_ serde: Serde<Value>, _ values: [Value]) throws {
            for value in values { #expect(try serde.value(of: try serde.bytes(of: value)) == value) }
        }
        try check(.int64, [.min, -1, 0, 1, .max])
        try check(.int32, [.min, 0, .max])
        try check(.int16, [.min, 0, .max])
        try check(.uint64, [0, .max])
        try check(.uint32, [0, .max])
        try check(.int, [.min, 0, .max])
        try check(.float64, [0, -0.0, .infinity, .leastNonzeroMagnitude, .pi])
        try check(.float32, [0, .greatestFiniteMagnitude])
        try check(.bool, [true, false])
        try check(.utf8, ["", "Ünïcödé 🏞", "a\0b"])
        try check(.bytes, [[], [0, 255]])
        try check(.optional(.utf8), [nil, "", "x"])
        try check(.uuid, [UUID()])
    }

    @Test("bytes of the wrong number are refused, with both numbers")
    func wrongSizes() {
        #expect(throws: SerdeError.wrongSize(expected: 8, actual: 4)) {
            try Serde<Int64>.int64.value(of: [0, 0, 0, 1])
        }
        #expect(throws: SerdeError.wrongSize(expected: 4, actual: 0)) { try Serde<Int32>.int32.value(of: []) }
        #expect(throws: SerdeError.wrongSize(expected: 8, actual: 9)) {
            try Serde<Double>.float64.value(of: Array(repeating: 0, count: 9))
        }
        #expect(throws: SerdeError.wrongSize(expected: 4, actual: 8)) {
            try Serde<Float>.float32.value(of: Array(repeating: 0, count: 8))
        }
        #expect(throws: SerdeError.wrongSize(expected: 1, actual: 2)) { try Serde<Bool>.bool.value(of: [0, 0]) }
        #expect(throws: SerdeError.self) { try Serde<Bool>.bool.value(of: [2]) }
    }

    @Test(
        "text that is not UTF-8 is refused",
        arguments: [[0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80]] as [[UInt8]]
    )
    func invalidText(bytes: [UInt8]) {
        #expect(throws: SerdeError.invalidUTF8) { try Serde<String>.utf8.value(of: bytes) }
        #expect(throws: SerdeError.invalidUTF8) { try Serde<UUID>.uuid.value(of: bytes) }
    }

    @Test("null is refused, but by optional and ignored")
    func null() throws {
        #expect(throws: SerdeError.unexpectedNull) { try Serde<String>.utf8.value(of: nil) }
        #expect(throws: SerdeError.unexpectedNull) { try Serde<Int64>.int64.value(of: nil) }
        #expect(try Serde<String?>.optional(.utf8).value(of: nil) == nil)
        #expect(try Serde<String?>.optional(.utf8).bytes(of: nil) == nil)
        try Serde<Void>.ignored.value(of: nil)
        try Serde<Void>.ignored.value(of: [1])
        #expect(try Serde<Void>.ignored.bytes(of: ()) == nil)
    }

    @Test("a UUID is lower-case text, and read whatever its case")
    func uuids() throws {
        let text = "123e4567-e89b-12d3-a456-426614174000"
        let id = try #require(UUID(uuidString: text))
        #expect(try Serde<UUID>.uuid.bytes(of: id) == Array(text.utf8))
        #expect(try Serde<UUID>.uuid.value(of: Array(text.uppercased().utf8)) == id)
        #expect(throws: SerdeError.self) { try Serde<UUID>.uuid.value(of: Array("no".utf8)) }
    }

    struct Order: Codable, Hashable {
        var id: Int
        var article: String
        var amount: Double?
    }

    @Test("JSON has its members in the order of their names, so that equal keys have equal bytes")
    func json() throws {
        let serde = Serde<Order>.json
        let order = Order(id: 7, article: "a/b", amount: nil)
        #expect(try serde.bytes(of: order).map { String(decoding: $0, as: UTF8.self) } == #"{"article":"a/b","id":7}"#)
        #expect(try serde.value(of: try serde.bytes(of: order)) == order)
        let table = ["z": 1, "a": 2, "m": 3]
        #expect(try Serde.json([String: Int].self).bytes(of: table) == Array(#"{"a":2,"m":3,"z":1}"#.utf8))
    }

    @Test("what is not the JSON of the type is refused with the type's name")
    func invalidJSON() throws {
        let error = #expect(throws: SerdeError.self) { try Serde.json(Order.self).value(of: Array("{}".utf8)) }
        #expect(error?.description.contains("Order") == true)
    }

    @Test("JSON works as key and value of a topology")
    func jsonInTopology() async throws {
        let world = try await World()
        try await world.write([("1", "x"), ("1", "y"), ("2", "z")])
        try await world.run { builder in
            builder.stream("in", keys: .utf8, values: .utf8)
                .groupBy(keys: .json(Order.self)) { key, _ in Order(id: Int(key) ?? 0, article: "a", amount: 1) }
                .aggregate(initial: { [] }, aggregates: .json([String].self)) { _, value, list in list + [value] }
                .toStream().to("out")
        }
        #expect(
            try await world.texts() == [
                #"{"amount":1,"article":"a","id":1}=["x","y"]"#, #"{"amount":1,"article":"a","id":2}=["z"]"#,
            ]
        )
    }

    struct Celsius: Equatable {
        var degrees: Double
    }

    @Test("a serde of two functions, as in the documentation")
    func custom() throws {
        let celsius = Serde<Celsius>(
            encode: { value, writer in writer.append(Int32(value.degrees * 100)) },
            decode: { bytes in
                guard bytes.byteCount == 4 else { throw SerdeError.wrongSize(expected: 4, actual: bytes.byteCount) }
                return Celsius(degrees: Double(Int32(bigEndian: bytes.unsafeLoadUnaligned(as: Int32.self))) / 100)
            }
        )
        #expect(try celsius.bytes(of: Celsius(degrees: 1)) == [0, 0, 0, 100])
        #expect(try celsius.value(of: [0, 0, 0, 150]) == Celsius(degrees: 1.5))
        #expect(throws: SerdeError.wrongSize(expected: 4, actual: 1)) { try celsius.value(of: [0]) }
    }
}
