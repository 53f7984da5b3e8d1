import MillracePrimitives
import MillraceTopology
import Testing

@testable import MillraceStreamsRuntime

@Suite("What is written down of a topology")
struct TopologyManifestTests {
    private func manifest(using random: inout SeededRandom) -> TopologyManifest {
        let texts = ["utf8", "json(Order)", "a\tb", "c\nd", "back\\slash", "=", "", "\\t", "größer"]
        func text() -> String { texts.randomElement(using: &random) ?? "" }
        var manifest = TopologyManifest()
        manifest.isBeingReset = Bool.random(using: &random)
        for number in 0..<Int.random(in: 0...3, using: &random) {
            manifest.inputs["in\(number)"] = Int32.random(in: 1...9, using: &random)
            if Bool.random(using: &random) { manifest.patterns["source\(number)"] = text() }
            manifest.stores["store\(number)"] = TopologyManifest.Store(
                format: StoreFormat(
                    StoreFormat.Kind.allCases.randomElement(using: &random) ?? .keyValue,
                    keys: text(),
                    values: text(),
                    sizes: Bool.random(using: &random) ? ["windowSizeMs": 60_000, "gapMs": 1] : [:],
                    retentionMs: Bool.random(using: &random) ? Int64.random(in: 0...Int64.max, using: &random) : nil
                ),
                partitions: Int32.random(in: 1...9, using: &random),
                changelogConfiguration: Bool.random(using: &random) ? ["cleanup.policy": "compact,delete"] : [:],
                isLive: Bool.random(using: &random),
                sourceTopic: Bool.random(using: &random) ? text() : nil
            )
            manifest.repartitionTopics["topic\(number)"] = TopologyManifest.RepartitionTopic(
                partitions: Int32.random(in: 1...9, using: &random),
                format: Bool.random(using: &random) ? TopicFormat(keys: text(), values: text()) : nil
            )
        }
        return manifest
    }

    @Test("is read as it was written", arguments: 0..<100)
    func roundTrip(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let manifest = manifest(using: &random)
        #expect(try TopologyManifest(text: manifest.text) == manifest, "seed \(seed): \(manifest.text)")
    }

    @Test(
        "is refused with the reason if it is something else",
        arguments: [
            ("", "it does not begin with millrace-topology"),
            ("millrace-topology\t2\n", "it is of another version: 2"),
            ("millrace-topology\t1\nstore\tname=a\n", "a line \"store\" has no kind"),
            ("millrace-topology\t1\nstore\tname=a\tkind=graph\n", "there is no kind of store \"graph\""),
            ("millrace-topology\t1\ninput\tname=a\tpartitions=many\n", "partitions is \"many\", no number"),
            ("millrace-topology\t1\nsecret\n", "\"secret\" is not known"),
        ]
    )
    func unreadable(text: String, reason: String) {
        #expect(throws: TopologyManifest.Unreadable(reason: reason)) { try TopologyManifest(text: text) }
    }

    private func store(
        _ kind: StoreFormat.Kind = .window,
        sizeMs: Int64 = 10,
        retentionMs: Int64 = 100,
        settings: [String: String] = [:]
    ) -> TopologyManifest {
        var manifest = TopologyManifest()
        manifest.stores["s"] = TopologyManifest.Store(
            format: StoreFormat(
                kind,
                keys: "utf8",
                values: "utf8",
                sizes: ["windowSizeMs": sizeMs],
                retentionMs: retentionMs
            ),
            partitions: 1,
            changelogConfiguration: settings
        )
        return manifest
    }

    @Test("another kind or window size is refused, another retention is not")
    func sizes() {
        #expect(TopologyComparison(store(), store()).refusals == [])
        #expect(TopologyComparison(store(), store(.session)).refusals.count == 1)
        #expect(TopologyComparison(store(), store(sizeMs: 20)).refusals.count == 1)
        let retained = TopologyComparison(store(), store(retentionMs: 200))
        #expect(retained.refusals == [])
        #expect(retained.notes == ["the store s keeps its entries for another time than before"])
    }

    @Test("settings of a changelog that the topology asks for otherwise are changed, others are left alone")
    func settings() {
        let former = store(settings: ["a": "1", "b": "2", "c": "3"])
        let comparison = TopologyComparison(former, store(settings: ["a": "1", "b": "4"]))
        #expect(comparison.changedSettings == ["s": ["b": "4", "c": nil]])
    }

    @Test("a store that is gone stays written down, and a new one like it is pointed to")
    func gone() {
        var wanted = store()
        wanted.stores["t"] = wanted.stores.removeValue(forKey: "s")
        let comparison = TopologyComparison(store(), wanted)
        #expect(comparison.refusals == [])
        #expect(comparison.result.stores["s"]?.isLive == false)
        #expect(comparison.notes.contains { $0.contains("renamedFrom") })
        #expect(TopologyComparison(comparison.result, wanted).result == comparison.result)
    }
}
