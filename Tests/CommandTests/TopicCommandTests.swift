import Foundation
import Testing

@Suite("millrace topics")
struct TopicCommandTests {
    @Test("topics are made, shown, changed and deleted")
    func life() throws {
        let directory = try TemporaryDirectory()
        func run(_ arguments: String...) throws -> CommandRun {
            let run = try CommandRun("topics", arguments: arguments, data: directory.url)
            #expect(run.status == 0, "\(arguments): \(run.errors)")
            return run
        }
        _ = try run("create", "orders", "--partitions", "2", "--config", "cleanup.policy=compact")
        _ = try CommandRun("produce", "orders", "--key-separator", ":", data: directory.url, input: "a:1\nb:2\nc:3\n")
        let listed = try run("list")
        #expect(listed.lines.last?.hasPrefix("orders           2        3") == true, "\(listed.output)")
        _ = try run(
            "alter",
            "orders",
            "--partitions",
            "4",
            "--config",
            "retention.ms=1000",
            "--reset",
            "cleanup.policy"
        )
        let described = try run("describe", "orders", "--json").output
        let report = try JSONSerialization.jsonObject(with: Data(described.utf8)) as? [[String: Any]]
        #expect(report?.first?["settings"] as? [String: String] == ["retention.ms": "1000"])
        let partitions = report?.first?["partitions"] as? [[String: Any]] ?? []
        #expect(partitions.count == 4)
        #expect(partitions.compactMap { $0["endOffset"] as? Int }.reduce(0, +) == 3)
        let filled = partitions.first { $0["endOffset"] as? Int ?? 0 > 0 }?["partition"] as? Int ?? 0
        _ = try run("delete-records", "orders", "--partition", "\(filled)", "--before", "1")
        #expect(try CommandRun("consume", "orders", data: directory.url).lines.count == 2)
        _ = try run("delete", "orders")
        #expect(try run("list").lines.count == 1)
    }

    @Test("what is wrong with a request is said")
    func mistakes() throws {
        let directory = try TemporaryDirectory()
        func failure(_ arguments: String...) throws -> CommandRun {
            try CommandRun("topics", arguments: arguments, data: directory.url)
        }
        #expect(try failure("create", "t", "--config", "cleanup.policy").status == 64)
        let setting = try failure("create", "t", "--config", "no.such.setting=1")
        #expect(setting.status == 1 && setting.errors.contains("no.such.setting"), "\(setting.errors)")
        #expect(try failure("delete", "t").errors.contains("there is no topic"))
        #expect(try failure("alter", "t").status == 64)
    }
}
