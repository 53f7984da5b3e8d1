import FoundationEssentials
import Millrace
import MillraceFoundationSerdes
import Testing

@Suite("Serdes made of serdes")
struct CombinedSerdeTests {
    @Test("lists of fixed sizes are laid out as Kafka's ListSerde does, without lengths and with a list of the nulls")
    func fixedLists() throws {
        #expect(
            try Serde.list(of: .int16).bytes(of: [1, 2]) == [0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 2]
        )
        #expect(
            try Serde.list(of: .optional(.int32)).bytes(of: [nil, 7])
                == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 7]
        )
    }

    @Test("other lists have the length before each element, -1 for null")
    func variableLists() throws {
        #expect(
            try Serde.list(of: .optional(.utf8)).bytes(of: ["ab", nil])
                == [1, 0, 0, 0, 2, 0, 0, 0, 2, 97, 98, 255, 255, 255, 255]
        )
    }

    @Test("what was written is read back")
    func roundTrips() throws {
        func check<Value: Equatable>(_ serde: Serde<Value>, _ values: [Value]) throws {
            for value in values { #expect(try serde.value(of: try serde.bytes(of: value)) == value) }
        }
        try check(.list(of: .int64), [[], [1], [.min, .max, 0]])
        try check(.list(of: .optional(.float64)), [[], [nil], [1.5, nil]])
        try check(.list(of: .utf8), [[], [""], ["a", "", "b"]])
        try check(.list(of: .list(of: .int32)), [[], [[]], [[1], [], [2, 3]]])
        try check(.rawValue(.utf8), [Color.red, .green])
        try check(.data, [Data(), Data([1, 2])])
        try check(.milliseconds, [Date(timeIntervalSince1970: 0), Date(timeIntervalSince1970: -1.5)])
        let pair = Serde.pair(.utf8, .optional(.int64))
        for value in [("", nil), ("a", 1)] as [(String, Int64?)] {
            #expect(try pair.value(of: try pair.bytes(of: value)) == value)
        }
    }

    @Test("bytes that do not add up are refused")
    func malformed() {
        let texts = Serde.list(of: .utf8)
        let numbers = Serde.list(of: .int32)
        for bytes in [[], [1], [2, 0, 0, 0, 0], [1, 0, 0, 0, 9], [1, 0, 0, 0, 1, 0, 0, 0, 2, 97]] as [[UInt8]] {
            #expect(throws: SerdeError.self) { try texts.value(of: bytes) }
        }
        #expect(throws: SerdeError.self) { try texts.value(of: [1, 0, 0, 0, 0, 9]) }
        #expect(throws: SerdeError.self) { try numbers.value(of: [0, 0, 0, 0, 0, 0x7f, 255, 255, 255]) }
        #expect(throws: SerdeError.self) { try numbers.value(of: [0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 1]) }
        #expect(throws: SerdeError.self) { try Serde.pair(.utf8, .utf8).value(of: [0, 0, 0, 1, 97]) }
    }

    private enum Color: String {
        case red, green
    }

    @Test("a raw value that is no case is refused by name")
    func unknownCase() {
        let error = #expect(throws: SerdeError.self) {
            try Serde<Color>.rawValue(.utf8).value(of: Array("blue".utf8))
        }
        #expect(error?.description == "blue is no Color")
    }

    private struct Order: Codable, Equatable {
        struct Line: Codable, Equatable {
            var price: Double
        }

        var lines: [Line]
    }

    @Test("JSON that does not fit says where and why")
    func jsonErrors() {
        func problem(_ text: String) -> String? {
            let error = #expect(throws: SerdeError.self) { try Serde<Order>.json.value(of: Array(text.utf8)) }
            return error?.description
        }
        #expect(
            problem(#"{"lines":[{"price":1},{}]}"#)
                == #"it is not the JSON of a Order: at lines[1], there is no "price""#
        )
        #expect(
            problem(#"{"lines":[{"price":"x"}]}"#)
                == "it is not the JSON of a Order: at lines[0].price, there is no Double"
        )
    }

    @Test("nil as JSON is null, not the text")
    func jsonNull() throws {
        #expect(try Serde<Order?>.json.bytes(of: nil) == nil)
        #expect(try Serde<Order?>.json.value(of: nil) == nil)
        #expect(throws: SerdeError.unexpectedNull) { try Serde<Order>.json.value(of: nil) }
    }
}
