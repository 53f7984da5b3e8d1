import Foundation
import Testing

@Suite("millrace verify and dump-log")
struct InspectionCommandTests {
    private static let segment = "t-0/00000000000000000000"

    /// A data directory with a topic of some batches, closed in order.
    private func makeData() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        for batch in 0..<3 {
            let lines = (0..<4).map { "key \($0):value \(batch)" }.joined(separator: "\n")
            _ = try CommandRun("produce", "t", "--create", "--key-separator", ":", data: directory.url, input: lines)
        }
        return directory
    }

    @Test("a directory that is as it should be is called sound")
    func sound() throws {
        let directory = try makeData()
        let run = try CommandRun("verify", data: directory.url)
        #expect(run.status == 0)
        #expect(
            run.lines.count == 1 && run.output.contains("12 records") && run.output.hasSuffix(": sound\n"),
            "\(run.output)"
        )
    }

    struct Damage: CustomTestStringConvertible, Sendable {
        var what: String
        var file: String
        var severity: String
        var says: String
        /// Changes the file's bytes; nil removes the file.
        var change: (@Sendable (inout Data) -> Void)?
        var testDescription: String { what }
    }

    static let damages = [
        Damage(what: "a bit flipped in a batch", file: segment + ".log", severity: "damage", says: "checksum") {
            $0[100] ^= 1
        },
        Damage(what: "a log cut short", file: segment + ".log", severity: "damage", says: "are there") {
            $0.removeLast(5)
        },
        Damage(what: "a missing index", file: segment + ".index", severity: "repairable", says: "it is missing"),
        Damage(
            what: "an index of no whole entries",
            file: segment + ".timeindex",
            severity: "repairable",
            says: "whole number of entries"
        ) { $0.append(1) },
        Damage(
            what: "an index that names no batch",
            file: segment + ".index",
            severity: "repairable",
            says: "begins at byte 1"
        ) { $0.append(contentsOf: [0, 0, 0, 3, 0, 0, 0, 1]) },
        Damage(
            what: "a time index that is too early",
            file: segment + ".timeindex",
            severity: "repairable",
            says: "no record up to offset 11 is later than 1,"
        ) { $0 = Data([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 11]) },
        Damage(
            what: "a snapshot with a flipped bit",
            file: "t-0/00000000000000000012.snapshot",
            severity: "repairable",
            says: "not a snapshot"
        ) { $0[12] ^= 1 },
        Damage(
            what: "leader epochs that are none",
            file: "t-0/leader-epoch-checkpoint",
            severity: "repairable",
            says: "not a list of leader epochs"
        ) { $0 = Data("nonsense".utf8) },
        Damage(what: "a damaged file of topics", file: "topics", severity: "damage", says: "first line") {
            $0 = Data("nonsense".utf8)
        },
        Damage(
            what: "a damaged checkpoint",
            file: "recovery-point-offset-checkpoint",
            severity: "damage",
            says: "topic, partition and offset"
        ) { $0 = Data("0\nx\n".utf8) },
    ]

    @Test("damage is found, named and comes with advice", arguments: damages)
    func damaged(damage: Damage) throws {
        let directory = try makeData()
        if let change = damage.change {
            try directory.change(damage.file, change)
        } else {
            try FileManager.default.removeItem(at: directory.file(damage.file))
        }
        let run = try CommandRun("verify", "--json", data: directory.url)
        let report = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        let findings = report?["findings"] as? [[String: String]] ?? []
        let found = findings.first { $0["path"]?.hasSuffix(damage.file) == true }
        #expect(found?["severity"] == damage.severity, "\(run.output)")
        #expect(found?["problem"]?.contains(damage.says) == true, "\(run.output)")
        #expect(found?["advice"]?.isEmpty == false)
        #expect(run.status == (damage.severity == "damage" ? 2 : 0))
    }

    @Test("a missing partition that held records is damage")
    func missingPartition() throws {
        let directory = try makeData()
        try FileManager.default.removeItem(at: directory.file("t-0"))
        let run = try CommandRun("verify", data: directory.url)
        #expect(run.status == 2 && run.output.contains("the partition's directory is missing"), "\(run.output)")
    }

    @Test("what recovery would cut is told, and left where it is")
    func tornTail() throws {
        let directory = try makeData()
        try FileManager.default.removeItem(at: directory.file(".kafka_cleanshutdown"))
        try directory.change(Self.segment + ".log") { $0.append(contentsOf: [1, 2, 3]) }
        let before = try Data(contentsOf: directory.file(Self.segment + ".log"))
        let run = try CommandRun("verify", data: directory.url)
        #expect(run.status == 0)
        #expect(run.output.contains("opening the directory cuts the 3 bytes from there on"), "\(run.output)")
        #expect(try Data(contentsOf: directory.file(Self.segment + ".log")) == before)
        #expect(try CommandRun("consume", "t", data: directory.url).lines.count == 12)
        #expect(try Data(contentsOf: directory.file(Self.segment + ".log")) == before)
    }

    @Test("dump-log shows batches, records, indexes and snapshots")
    func dump() throws {
        let directory = try makeData()
        let run = try CommandRun("dump-log", directory.file("t-0").path, "--records", "--json")
        #expect(run.status == 0, "\(run.errors)")
        let objects = try run.objects()
        func kinds(_ kind: String) -> [[String: Any]] { objects.filter { $0["kind"] as? String == kind } }
        #expect(kinds("batch").compactMap { $0["baseOffset"] as? Int } == [0, 4, 8])
        #expect(kinds("record").count == 12)
        #expect(kinds("record").last?["value"] as? String == "value 2")
        #expect(kinds("producer").contains { $0["producerId"] as? Int == 0 && $0["lastSequence"] as? Int == 3 })
        #expect(kinds("time").last?["offset"] as? Int == 11)
        let groups = try CommandRun("dump-log", directory.file("__transaction_state-0").path)
        #expect(groups.status == 0, "\(groups.errors)")
    }

    @Test("dump-log decodes what the coordinators wrote")
    func dumpCoordinators() throws {
        let directory = try TemporaryDirectory()
        _ = try CommandRun("produce", "t", "--create", "--transaction", data: directory.url, input: "x\n")
        let path = directory.file("__transaction_state-0/00000000000000000000.log").path
        let objects = try CommandRun("dump-log", path, "--records", "--json").objects()
        let states = objects.filter { $0["kind"] as? String == "record" }.compactMap { $0["state"] as? String }
        #expect(states == ["empty", "ongoing", "prepareCommit", "completeCommit"])
        let control = try CommandRun("dump-log", directory.file(Self.segment + ".log").path, "--records")
        #expect(control.output.contains("marker: commit"), "\(control.output)")
    }

    @Test("dump-log says where a segment is damaged, and ends with 2")
    func dumpDamage() throws {
        let directory = try makeData()
        try directory.change(Self.segment + ".log") { $0[$0.count - 1] ^= 1 }
        let run = try CommandRun("dump-log", directory.file(Self.segment + ".log").path)
        #expect(run.status == 2 && run.output.contains("damage"), "\(run.output)")
        #expect(try CommandRun("dump-log", "/nowhere").status == 1)
        #expect(try CommandRun("dump-log", directory.file("topics").path).status == 1)
    }
}
