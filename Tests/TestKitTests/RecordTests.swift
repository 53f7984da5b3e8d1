import Millrace
import MillraceTestKit
import Synchronization
import Testing

@Suite("Whole records")
struct RecordTests {
    private func run(
        _ build: (KStream<String, String>) -> Void,
        _ pipe: (TestInput<String, String>) throws -> Void
    ) throws -> [TestRecord<String, String>] {
        let builder = StreamsBuilder()
        build(builder.stream("in", keys: .utf8, values: .utf8))
        let driver = try TopologyTestDriver(try builder.build())
        try pipe(driver.input("in", keys: .utf8, values: .utf8))
        return try driver.output("out", keys: .utf8, values: .utf8).readAll()
    }

    @Test("mapRecords changes key, value, timestamp and headers")
    func mapsRecords() throws {
        let written = try run { stream in
            stream.mapRecords(keys: .utf8, values: .utf8) { record in
                var new = record.withValue(record.value + "!").withKey("new-" + record.key)
                new.timestampMs += 10
                new.headers.append(RecordHeader("n", text: "\(record.headers.count)"))
                return new
            }.to("out")
        } _: {
            try $0.pipe("a", "1", at: 5, headers: [RecordHeader("h", text: "x")])
        }
        let record = try #require(written.first)
        #expect(record.key == "new-a")
        #expect(record.value == "1!")
        #expect(record.timestampMs == 15)
        #expect(record.headers == [RecordHeader("h", text: "x"), RecordHeader("n", text: "1")])
    }

    @Test("changed headers and timestamps are those of what comes after, not of another branch")
    func changesAreLocal() throws {
        let written = try run { stream in
            stream.mapHeaders { $0.headers + [RecordHeader("added", text: "1")] }
                .mapTimestamps { $0.timestampMs + Int64($0.headers.count) }
                .to("out")
            stream.mapHeaders { _ in [] }.to("out")
            stream.to("out")
        } _: {
            try $0.pipe("a", "1", at: 5, headers: [RecordHeader("h", text: "x")])
        }
        #expect(written.map(\.timestampMs) == [7, 5, 5])
        #expect(written.map { $0.headers.map(\.name) } == [["h", "added"], [], ["h"]])
    }

    @Test("a timestamp before 1970 is an error of the operator that made it")
    func negativeTimestamps() throws {
        let error = #expect(throws: StreamsError.self) {
            try run { stream in
                stream.mapTimestamps(named: "shifted") { _ in -5 }.to("out")
            } _: {
                try $0.pipe("a", "1")
            }
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("shifted: a record cannot have the timestamp -5"))
    }

    @Test("filter, peek and forEach see the whole record")
    func looksAtRecords() throws {
        let seen = Mutex<[String]>([])
        let written = try run { stream in
            let loud = stream.filter { record in record.headers["loud"] != nil }
            loud.peek { record in seen.withLock { $0.append("peek \(record.timestampMs)") } }.to("out")
            loud.forEach(named: "each") { record in seen.withLock { $0.append("each \(record.value)") } }
        } _: {
            try $0.pipe("a", "1", at: 5)
            try $0.pipe("a", "2", at: 6, headers: [RecordHeader("loud", nil), RecordHeader("loud", text: "yes")])
        }
        #expect(written.map(\.value) == ["2"])
        #expect(seen.withLock { $0 } == ["peek 6", "each 2"])
    }

    @Test("print writes a line for each record, with a label")
    func prints() throws {
        let lines = Mutex<[String]>([])
        _ = try run { stream in
            stream.print(label: "orders") { line in lines.withLock { $0.append(line) } }
            stream.mapValues(named: "twice") { $0 + $0 }.print { line in lines.withLock { $0.append(line) } }
        } _: {
            try $0.pipe("a", "1")
        }
        #expect(lines.withLock { $0 } == ["[orders]: a, 1", "[twice]: a, 11"])
    }

    @Test("merge puts any number of streams into one, depth first in the order in which their operators were attached")
    func mergesMany() throws {
        let written = try run { stream in
            let others = (1...3).map { number in stream.mapValues(named: "m\(number)") { "\($0)\(number)" } }
            stream.merge(others).to("out", values: .utf8)
        } _: {
            try $0.pipe("a", "x")
        }
        #expect(written.map(\.value) == ["x1", "x2", "x3", "x"], "in the order in which they were attached")
    }
}
