import Foundation
import KafkaFixtures
import Testing

// Goal: what Kafka wrote is read as Kafka reads it, down to the last field. Method: `conformance-log`, the program that
// can do so with any set of directories, runs over those of this repository, and over some with known differences.
@Suite("Conformance with Kafka's log", .timeLimit(.minutes(5)))
struct ConformanceTests {
    private func run(_ root: URL) throws -> Program.Result {
        try Program.run(Program.built("conformance-log"), [root.path])
    }

    /// A copy of a directory in which Kafka's observations, or the files, are changed.
    private func altered(
        _ name: String,
        _ change: (inout [String: Any], URL) throws -> Void
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let copy = folder.url.appending(path: name)
        try FileManager.default.copyItem(at: KafkaFixture.root.appending(path: name), to: copy)
        let observations = try Data(contentsOf: KafkaFixture.root.appending(path: name + ".json"))
        var seen = try #require(try JSONSerialization.jsonObject(with: observations) as? [String: Any])
        try change(&seen, copy)
        try JSONSerialization.data(withJSONObject: seen).write(to: folder.url.appending(path: name + ".json"))
        return folder
    }

    @Test("every directory of Kafka's is seen as Kafka saw it")
    func all() throws {
        let result = try run(KafkaFixture.root)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        let count = try KafkaFixture.names().count
        #expect(count > 20)
        #expect(result.output.hasSuffix("\(count) passed, 0 failed\n"))
    }

    @Test(
        "a difference in anything is found, and told with directory, place, what was expected and what was there",
        arguments: [
            ("logStartOffset", "logStartOffset: expected 7, got 0"),
            ("logEndOffset", "logEndOffset: expected 7, got 16"),
            ("highWatermark", "highWatermark: expected 7, got 16"),
            ("lastStableOffset", "lastStableOffset: expected 7, got 16"),
        ]
    )
    func offsets(field: String, difference: String) throws {
        let folder = try altered("txn-epoch-0") { seen, _ in seen[field] = 7 }
        let result = try run(folder.url)
        #expect(result.status == 1)
        // The log is told where it starts, so that another start hides records.
        let expected = field == "logStartOffset" ? "read uncommitted, offset 0" : difference
        #expect(result.output.contains("txn-epoch-0: opened") && result.output.contains(expected), "\(result.output)")
        #expect(result.output.hasSuffix("0 passed, 1 failed\n"))
    }

    @Test(
        "a difference in any field of a record or a batch is found",
        arguments: [
            ("readUncommitted", "timestamp"), ("readUncommitted", "key"), ("readCommitted", "value"),
            ("readCommitted", "headers"), ("readCommitted", "producerId"), ("readUncommitted", "producerEpoch"),
            ("readUncommitted", "sequence"), ("batches", "sizeInBytes"), ("batches", "lastOffset"),
            ("batches", "recordCount"), ("batches", "partitionLeaderEpoch"), ("batches", "crc"),
            ("batches", "compression"), ("batches", "timestampType"), ("batches", "maxTimestamp"),
            ("batches", "isTransactional"), ("batches", "isControl"), ("batches", "producerId"),
            ("batches", "producerEpoch"), ("batches", "baseSequence"), ("batches", "lastSequence"),
            ("batches", "deleteHorizonMs"), ("batches", "control"), ("offsetForTimestamp", "offset"),
        ]
    )
    func fields(list: String, field: String) throws {
        let folder = try altered("txn-epoch-0") { seen, _ in
            var values = seen[list] as? [[String: Any]] ?? []
            values[1][field] =
                switch field {
                case "headers": [["h", "v"]]
                case "control": [] as [Any]
                case _ where field.hasPrefix("is"): !(values[1][field] as? Bool ?? true)
                default: Self.otherThan(values[1][field])
                }
            seen[list] = values
        }
        let result = try run(folder.url)
        #expect(result.status == 1, "\(result.output)")
        #expect(result.output.contains("expected"))
    }

    private static func otherThan(_ value: Any?) -> Any {
        switch value {
        case let text as String: text + "!"
        case let number as NSNumber: number.intValue + 1
        default: 1
        }
    }

    @Test("a record too few and a record too many are found")
    func missing() throws {
        let folder = try altered("codec-zstd-0") { seen, _ in
            var records = seen["readCommitted"] as? [[String: Any]] ?? []
            records.remove(at: 5)
            var last = records[records.count - 1]
            last["offset"] = 1_000
            records.append(last)
            seen["readCommitted"] = records
        }
        let output = try run(folder.url).output
        #expect(output.contains("read committed, offset 5: expected nothing"), "\(output)")
        #expect(output.contains("read committed, offset 1000: expected Record"), "\(output)")
    }

    @Test("a bit that was flipped in a batch that others follow ends the log there, as Kafka's recovery does")
    func flippedBit() throws {
        let folder = try altered("codec-lz4-0") { seen, copy in
            let batches = seen["batches"] as? [[String: Any]] ?? []
            let damaged = batches[3]
            let file = copy.appending(path: damaged["file"] as? String ?? "")
            var bytes = try Data(contentsOf: file)
            bytes[(damaged["position"] as? Int ?? 0) + 90] ^= 4
            try bytes.write(to: file)
            let end = damaged["baseOffset"] as? Int ?? 0
            for field in ["logEndOffset", "highWatermark", "lastStableOffset"] { seen[field] = end }
            seen["batches"] = Array(batches.prefix(3))
            for list in ["readUncommitted", "readCommitted"] {
                let records = seen[list] as? [[String: Any]] ?? []
                seen[list] = records.filter { ($0["offset"] as? Int ?? 0) < end }
            }
            let records = seen["readCommitted"] as? [[String: Any]] ?? []
            let latest = records.max { ($0["timestamp"] as? Int ?? 0) < ($1["timestamp"] as? Int ?? 0) }
            seen["maxTimestamp"] = latest?.filter { $0.key == "timestamp" || $0.key == "offset" }
            seen["offsetForTimestamp"] = [] as [Any]
        }
        let result = try run(folder.url)
        #expect(result.status == 0, "\(result.output)")
    }

    @Test("a folder without directories of Kafka's is a mistake that is named")
    func nothing() throws {
        let folder = try TemporaryFolder()
        let result = try run(folder.url)
        #expect(result.status == 2)
        #expect(result.errors.contains("no directory"))
    }
}
