import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("Compaction of directories that Apache Kafka wrote")
struct KafkaCompactionTests {
    @Test(
        "compacting a directory that Kafka wrote keeps each key's last value, and Kafka's rules",
        arguments: try KafkaDirectory.all
    )
    func compaction(directory: KafkaDirectory) throws {
        var fixture = try directory.fixture()
        fixture.configuration.cleanupPolicy = .compact
        fixture.configuration.segmentBytes = 3_000
        let log = try directory.open(fixture)
        let (end, stable) = (log.logEndOffset, log.lastStableOffset)
        func table() throws -> [String: String] { try log.table().filter { $0.key != "(none)" } }
        let before = try table()
        // A horizon that Kafka has set has passed by the time of the first pass.
        let isFirstPass = try log.headers.allSatisfy { !$0.attributes.hasDeleteHorizon }
        // One of an aborted transaction goes at once.
        let visible = Set(try log.records(upTo: .lastStableOffset).map(\.offset))
        let committed = try log.keyed.filter { visible.contains($0.offset) && $0.key != "(none)" }
        let tombstones = committed.filter { $0.value == nil }
        let last = Dictionary(committed.map { ($0.key, $0.offset) }, uniquingKeysWith: max)
        for now: Int64 in [1_800_000_000_000, 1_900_000_000_000, 2_000_000_000_000] {
            _ = try log.compact(now: now)
            #expect(try table() == before, "at \(now)")
            #expect(log.logEndOffset == end && log.lastStableOffset == stable)
            let stableKeys = try log.records(upTo: .lastStableOffset).filter { !$0.isControl }.map(\.offset)
            let kept = try log.keyed.filter { stableKeys.contains($0.offset) }
            if now == 1_800_000_000_000, isFirstPass, stable == end,
                tombstones.contains(where: { last[$0.key] == $0.offset })
            {
                #expect(kept.contains { $0.value == nil }, "tombstones outlive the pass that finds them")
            }
            #expect(Set(kept.map(\.key)).count == kept.count || stable < end, "a key has one record")
            // Something new, so that there is another pass.
            try log.put("new", "\(now)")
            try log.append(KeyedBatch(("new", nil)))
            _ = try log.truncate(to: end)
        }
        try log.close(clean: true)
        #expect(try directory.open(fixture, clean: true).table().filter { $0.key != "(none)" } == before)
    }
}
