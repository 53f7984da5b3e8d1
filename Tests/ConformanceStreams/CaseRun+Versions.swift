import Millrace
import MillraceTestKit

extension CaseRun {
    /// Makes the reads of a versioned store that the case has the answers to. Those never say when a version ended, which
    /// point reads of Kafka Streams leave out.
    func compareVersions(
        _ name: String,
        _ store: ConformanceCase.Store,
        _ driver: TopologyTestDriver
    ) throws -> [Difference] {
        let versions = driver.versionedStore(name, keys: .bytes, values: .bytes)
        return try (store.entries ?? []).compactMap { wanted in
            guard let key = try Wire.encode(wanted.key, as: "string") else { return nil }
            let found = try versions.version(of: key, asOf: wanted.asOf)
            var got = ConformanceCase.StoreEntry(key: wanted.key, asOf: wanted.asOf, found: found != nil)
            got.value = try Wire.decode(found?.value, as: "string")
            got.ts = found?.validFromMs
            guard got != wanted else { return nil }
            return Difference(
                place: "store \(name), \(wanted.key ?? .null) as of \(wanted.asOf.map(String.init) ?? "now")",
                expected: text(wanted),
                got: text(got)
            )
        }
    }

    private func text(_ entry: ConformanceCase.StoreEntry) -> String {
        guard entry.found == true else { return "nothing" }
        return "\(entry.value ?? .null) from \(entry.ts ?? -1)"
    }
}
