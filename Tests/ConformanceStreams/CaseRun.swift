import Foundation
import Millrace
import MillraceTestKit

/// One thing that Millrace does otherwise than Kafka Streams did.
struct Difference: CustomStringConvertible, Sendable {
    /// Where: a step and a topic, or a store.
    var place: String
    var expected: String
    var got: String

    var description: String { "\(place): expected \(expected), got \(got)" }
}

/// What the DSL has no word for yet.
struct NotThereYet: Error {
    var what: String
}

/// Runs one case through the driver and compares.
struct CaseRun {
    let recorded: ConformanceCase

    init(_ recorded: ConformanceCase) {
        self.recorded = recorded
    }

    /// The differences; throws `NotThereYet` if the DSL cannot say the topology.
    func differences() throws -> [Difference] {
        guard let register = Registry.topologies[recorded.topology] else { throw NotThereYet(what: recorded.topology) }
        let builder = StreamsBuilder()
        try register(builder, Parameters(values: recorded.params))
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = recorded.config.cacheMaxBytes
        configuration.emitInterval = .milliseconds(recorded.config.emitIntervalMs ?? 0)
        configuration.onDecodingError = recorded.config.onDeserializationError == "continue" ? .logAndContinue : .fail
        configuration.onProcessingError = recorded.config.onProcessingError == "continue" ? .logAndContinue : .fail
        let driver = try TopologyTestDriver(
            try builder.build(),
            configuration: configuration,
            partitions: recorded.topics.mapValues(\.partitions),
            commitMode: recorded.config.commitMode == "explicit" ? .explicit : .afterEveryRecord,
            startMs: recorded.config.initialWallClockMs
        )
        var differences: [Difference] = []
        for (index, step) in recorded.steps.enumerated() {
            try run(step, driver)
            differences += compare(
                index,
                expected: recorded.expected.filter { $0.step == index },
                got: try driver.readAllRaw().map { try record($0, step: index) }
            )
        }
        for (name, store) in (recorded.stores ?? [:]).sorted(by: { $0.key < $1.key }) {
            differences += try compare(name, store, driver)
        }
        return differences
    }

    private func run(_ step: ConformanceCase.Step, _ driver: TopologyTestDriver) throws {
        switch step.op {
        case "pipe":
            let topic = step.topic ?? ""
            guard let types = recorded.topics[topic] else { throw NotThereYet(what: "topic \(topic)") }
            try driver.pipe(
                key: try Wire.encode(step.key, as: types.key),
                value: try step.valueHex.map(Wire.bytes(hex:)) ?? Wire.encode(step.value, as: types.value),
                to: topic,
                at: step.ts,
                headers: RecordHeaders(
                    (step.headers ?? []).map { RecordHeader(($0.first ?? nil) ?? "", $0.last?.map { Array($0.utf8) }) }
                )
            )
        case "commit":
            try driver.commit()
        case "advanceWallClock":
            try driver.advanceWallClock(by: .milliseconds(step.ms ?? 0))
        default:
            throw NotThereYet(what: "step \(step.op)")
        }
    }

    private func record(_ raw: RawTestRecord, step: Int) throws -> ConformanceCase.Record {
        let types = recorded.topics[raw.topic]
        return ConformanceCase.Record(
            step: step,
            topic: raw.topic,
            key: try Wire.decode(raw.key, as: types?.key ?? "string"),
            value: try Wire.decode(raw.value, as: types?.value ?? "string"),
            ts: raw.timestampMs,
            headers: raw.headers.isEmpty
                ? nil : raw.headers.map { [$0.name, $0.value.map { String(decoding: $0, as: UTF8.self) }] }
        )
    }

    /// Within a topic the order is that of Kafka Streams; between topics too, unless an internal topic lies between.
    private func compare(
        _ step: Int,
        expected: [ConformanceCase.Record],
        got: [ConformanceCase.Record]
    ) -> [Difference] {
        if expected == got { return [] }
        var differences: [Difference] = []
        for topic in Set((expected + got).map(\.topic)).sorted() {
            let wanted = expected.filter { $0.topic == topic }
            let written = got.filter { $0.topic == topic }
            for index in 0..<max(wanted.count, written.count) {
                let want = index < wanted.count ? wanted[index] : nil
                let have = index < written.count ? written[index] : nil
                guard want != have else { continue }
                differences.append(
                    Difference(
                        place: "step \(step), \(topic), record \(index)",
                        expected: Self.text(want),
                        got: Self.text(have)
                    )
                )
            }
        }
        if differences.isEmpty, !Registry.withInternalTopics.contains(recorded.topology) {
            differences.append(
                Difference(
                    place: "step \(step), order between topics",
                    expected: expected.map(\.topic).joined(separator: " "),
                    got: got.map(\.topic).joined(separator: " ")
                )
            )
        }
        return differences
    }

    private func compare(
        _ name: String,
        _ store: ConformanceCase.Store,
        _ driver: TopologyTestDriver
    ) throws -> [Difference] {
        let entries = try StoreDump(store).entries(of: name, in: driver)
        let wanted = store.entries ?? []
        return (0..<max(entries.count, wanted.count)).compactMap { index in
            let want = index < wanted.count ? wanted[index] : nil
            let have = index < entries.count ? entries[index] : nil
            guard want != have else { return nil }
            return Difference(place: "store \(name), entry \(index)", expected: Self.text(want), got: Self.text(have))
        }
    }

    private static func text(_ record: ConformanceCase.Record?) -> String {
        guard let record else { return "nothing" }
        let headers = record.headers.map {
            " \($0.map { "\($0.first.map { $0 ?? "" } ?? "")=\($0.last.map { $0 ?? "null" } ?? "")" })"
        }
        return "\(record.key ?? .null) = \(record.value ?? .null) at \(record.ts)\(headers ?? "")"
    }

    private static func text(_ entry: ConformanceCase.StoreEntry?) -> String {
        guard let entry else { return "nothing" }
        let window = entry.windowStart.map { "@\($0)-\(entry.windowEnd ?? -1)" } ?? ""
        return "\(entry.key ?? .null)\(window) = \(entry.value ?? .null) at \(entry.ts.map(String.init) ?? "-")"
    }
}
