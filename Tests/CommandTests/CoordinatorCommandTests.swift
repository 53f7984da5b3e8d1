import Foundation
import Millrace
import Testing

@Suite("millrace groups and transactions")
struct CoordinatorCommandTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Lets a group read five of ten records, and commit that.
    private func readHalf() async throws -> (EmbeddedBroker, Consumer) {
        let input = (1...10).map { "\($0)" }.joined(separator: "\n")
        _ = try CommandRun("produce", "t", "--create", data: directory.url, input: input)
        let broker = try await EmbeddedBroker.open(at: directory.url.path)
        var settings = ConsumerSettings()
        settings.groupId = "g"
        settings.autoCommitInterval = nil
        let consumer = try await Consumer(on: broker, settings: settings)
        try await consumer.subscribe(to: ["t"])
        while try await consumer.assignment().isEmpty { _ = try await consumer.poll(timeout: .milliseconds(10)) }
        try await consumer.commit([TopicPartition("t", 0): CommittedOffset(offset: 5)])
        return (broker, consumer)
    }

    @Test("a group is listed and described with its lag, while its members work")
    func describe() async throws {
        let (broker, consumer) = try await readHalf()
        defer { broker.close() }
        #expect(try CommandRun("groups", data: directory.url).lines.last?.hasPrefix("g      Stable") == true)
        let run = try CommandRun("groups", "describe", "g", "--json", data: directory.url)
        let report = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        #expect((report?["members"] as? [[String: Any]])?.first?["partitions"] as? [String] == ["t-0"], "\(run.output)")
        let partition = (report?["partitions"] as? [[String: Any]])?.first
        #expect(partition?["committedOffset"] as? Int == 5)
        #expect(partition?["lag"] as? Int == 5 && partition?["records"] as? Int == 5)
        let refused = try CommandRun("groups", "reset-offsets", "g", "--to", "earliest", data: directory.url)
        #expect(refused.status == 1 && refused.errors.contains("while it has no members"), "\(refused.errors)")
        #expect(try CommandRun("groups", "describe", "none", data: directory.url).status == 1)
        await consumer.close()
    }

    @Test("offsets are reset only when that is asked for, and deleted")
    func offsets() async throws {
        let (broker, consumer) = try await readHalf()
        await consumer.close()
        broker.close()
        func reset(_ to: String, _ more: String...) throws -> CommandRun {
            try CommandRun("groups", arguments: ["reset-offsets", "g", "--to=\(to)"] + more, data: directory.url)
        }
        func committed() throws -> String? {
            let row = try CommandRun("groups", "describe", "g", data: directory.url).lines.last
            return row?.split(separator: " ").dropFirst(2).first.map(String.init)
        }
        #expect(try reset("earliest").output.hasSuffix("t              0     5   0\n"))
        #expect(try committed() == "5")
        #expect(try reset("-2", "--execute").status == 0)
        #expect(try committed() == "3")
        #expect(try reset("latest", "--topic", "t", "--partition", "0", "--execute").status == 0)
        #expect(try committed() == "10")
        #expect(try reset("sometime").status == 64)
        #expect(try CommandRun("groups", "delete-offsets", "g", "--topic", "t", data: directory.url).status == 0)
        #expect(try committed() != "10")
        _ = try reset("earliest", "--topic", "t", "--execute")
        #expect(try CommandRun("groups", "delete", "g", data: directory.url).status == 0)
        #expect(try CommandRun("groups", data: directory.url).lines.count == 1)
        #expect(try CommandRun("groups", "delete", "g", data: directory.url).status == 1)
    }

    @Test("transactions are shown; a prepared one outlives its application, until it is terminated")
    func transactions() async throws {
        _ = try CommandRun("topics", "create", "t", data: directory.url)
        let broker = try await EmbeddedBroker.open(at: directory.url.path)
        let producer = try await TransactionalProducer(id: "p", on: broker)
        try await producer.begin()
        _ = try await producer.send(ProducerRecord(topic: "t", key: nil, value: "undecided"))
        let ongoing = try CommandRun("transactions", "list", "--state", "Ongoing", "--json", data: directory.url)
        #expect(ongoing.output.contains(#""transactionalId" : "p""#), "\(ongoing.output)")
        let producers = try CommandRun("transactions", "producers", "--topic", "t", "--json", data: directory.url)
        #expect(producers.output.contains(#""transactionStartOffset" : 0"#), "\(producers.output)")
        _ = try await producer.prepare()
        broker.close()

        let described = try CommandRun("transactions", "describe", "p", data: directory.url)
        #expect(described.output.contains("Ongoing, prepared for a two-phase commit"), "\(described.output)")
        #expect(described.output.contains("partitions  t-0"))
        #expect(try CommandRun("transactions", "find-hanging", data: directory.url).output == "no transaction hangs\n")
        let abort = try CommandRun(
            "transactions",
            "abort",
            "--topic",
            "t",
            "--partition",
            "0",
            "--start-offset",
            "0",
            data: directory.url
        )
        #expect(abort.status == 1, "its coordinator knows it: \(abort.errors)")
        #expect(try CommandRun("transactions", "force-terminate", "p", data: directory.url).status == 0)
        let after = try CommandRun("transactions", data: directory.url)
        #expect(after.output.contains("Empty"), "\(after.output)")
        #expect(try CommandRun("consume", "t", data: directory.url).output == "")
        #expect(try CommandRun("transactions", "describe", "q", data: directory.url).status == 1)
        #expect(try CommandRun("transactions", "list", "--state", "Sleeping", data: directory.url).status == 64)
    }
}
