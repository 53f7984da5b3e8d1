import Foundation
import Millrace
import Testing

@Suite("millrace produce and consume")
struct RecordCommandTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("lines become records, with keys, formats and headers, and come out again")
    func roundTrip() throws {
        let made = try CommandRun("topics", "create", "points", "--partitions", "3", data: directory.url)
        #expect(made.status == 0, "\(made.errors)")
        let written = try CommandRun(
            "produce",
            "points",
            "--key-separator",
            ":",
            "--values",
            "int64",
            "--header",
            "from=test",
            data: directory.url,
            input: "alice:3\nbob:5\nalice:-1\n"
        )
        #expect(written.status == 0 && written.errors.contains("wrote 3 records to points"), "\(written.errors)")
        let read = try CommandRun("consume", "points", "--values", "int64", data: directory.url)
        #expect(read.lines.sorted() == ["alice\t-1", "alice\t3", "bob\t5"])
        let fields = try CommandRun(
            "consume",
            "points",
            "--values",
            "hex",
            "--print",
            "key,value,headers",
            "--separator",
            " ",
            data: directory.url
        )
        #expect(fields.lines.contains("bob 0000000000000005 from=test"), "\(fields.output)")
    }

    @Test("JSON from consume is what produce takes, nulls and headers included")
    func json() throws {
        let lines = [
            #"{"headers":[{"name":"h","value":"1"},{"name":"none"}],"key":"k","timestamp":1700000000000,"value":null}"#,
            #"{"key":null,"timestamp":1700000000001,"value":"text"}"#,
        ]
        for topic in ["one", "two"] {
            let input =
                topic == "one"
                ? lines.joined(separator: "\n") : try CommandRun("consume", "one", "--json", data: directory.url).output
            let run = try CommandRun(
                "produce",
                topic,
                "--json",
                "--create",
                "--transaction",
                data: directory.url,
                input: input
            )
            #expect(run.status == 0, "\(run.errors)")
        }
        let copies = try CommandRun("consume", "two", "--json", data: directory.url).objects()
        #expect(copies.count == 2)
        #expect(copies.first?["key"] as? String == "k")
        #expect(copies.first?["value"] is NSNull)
        #expect((copies.first?["headers"] as? [[String: Any]])?.map { $0["name"] as? String } == ["h", "none"])
        #expect(copies.last?["timestamp"] as? Int == 1_700_000_000_001)
    }

    @Test("consume begins where it is told, and stops after as many as it is told")
    func positions() throws {
        let input = (0..<10).map { #"{"key":null,"value":"\#($0)","timestamp":\#(1_700_000_000_000 + $0 * 1_000)}"# }
        _ = try CommandRun(
            "produce",
            "t",
            "--json",
            "--create",
            data: directory.url,
            input: input.joined(separator: "\n")
        )
        func values(_ from: String) throws -> [String] {
            try CommandRun("consume", "t", "--print", "value", "--max", "3", "--from", from, data: directory.url).lines
        }
        #expect(try values("earliest") == ["0", "1", "2"])
        #expect(try values("8") == ["8", "9"])
        #expect(try values("latest") == [])
        #expect(try values("2023-11-14T22:13:25Z") == ["5", "6", "7"])
    }

    @Test("bad input says which line it is, and a transaction of it leaves nothing to see")
    func badInput() throws {
        let bad = try CommandRun(
            "produce",
            "t",
            "--values",
            "int64",
            "--create",
            "--transaction",
            data: directory.url,
            input: "1\n2\nthree\n"
        )
        #expect(bad.status == 1)
        #expect(bad.errors.contains(#"line 3: the value "three" is not of the format int64"#), "\(bad.errors)")
        #expect(try CommandRun("consume", "t", data: directory.url).output == "")
        let all = try CommandRun("consume", "t", "--uncommitted", "--values", "int64", data: directory.url)
        #expect(Set(all.lines).isSubset(of: ["null\t1", "null\t2"]), "\(all.output)")
        let missing = try CommandRun("consume", "nowhere", data: directory.url)
        #expect(missing.status == 1 && missing.errors.contains("there is no topic nowhere"), "\(missing.errors)")
        let unknown = try CommandRun("consume", "t", "--from", "yesterday", data: directory.url)
        #expect(unknown.status == 64, "\(unknown.errors)")
        let nothing = try CommandRun("verify")
        #expect(nothing.status == 64 && nothing.errors.contains("--data"), "\(nothing.errors)")
    }

    @Test("reading works beside the application that has the directory; writing says who is in the way")
    func besideAnApplication() async throws {
        let broker = try await EmbeddedBroker.open(at: directory.url.path)
        defer { broker.close() }
        let admin = try Admin(on: broker)
        try await admin.createTopic(NewTopic("t"))
        let producer = try await Producer(on: broker)
        _ = try await producer.send(ProducerRecord(topic: "t", key: "k", value: "seen"))
        let transactional = try await TransactionalProducer(id: "id", on: broker)
        try await transactional.begin()
        _ = try await transactional.send(ProducerRecord(topic: "t", key: "k", value: "undecided"))

        #expect(try CommandRun("consume", "t", data: directory.url).lines == ["k\tseen"])
        #expect(
            try CommandRun("consume", "t", "--uncommitted", data: directory.url).lines == ["k\tseen", "k\tundecided"]
        )
        let verified = try CommandRun("verify", data: directory.url)
        #expect(verified.status == 0, "\(verified.output)")
        #expect(verified.output.contains("a transaction of id is open from offset 1 on"), "\(verified.output)")
        let refused = try CommandRun("topics", "create", "u", data: directory.url)
        #expect(refused.status == 1 && refused.errors.contains("in use by another process"), "\(refused.errors)")

        try await transactional.commit()
        #expect(try CommandRun("consume", "t", data: directory.url).lines == ["k\tseen", "k\tundecided"])
        _ = try await producer.send(ProducerRecord(topic: "t", key: "k", value: "later"))
        await transactional.close()
        await producer.close()
    }
}
