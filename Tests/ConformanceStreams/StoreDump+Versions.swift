import Millrace
import MillraceTestKit

extension ConformanceCase.Store {
    /// What a versioned store answers to the point reads of the case.
    func versions(of name: String, in driver: TopologyTestDriver) throws -> [ConformanceCase.StoreEntry] {
        let store = driver.versionedStore(name, keys: .bytes, values: .bytes)
        return try (entries ?? []).map { wanted in
            let key = try Wire.encode(wanted.key, as: "string") ?? []
            let found = try wanted.asOf.map { try store.version(for: key, asOf: $0) } ?? store.latest(for: key)
            return ConformanceCase.StoreEntry(
                key: wanted.key,
                value: try Wire.decode(found?.value, as: "string"),
                ts: found?.validFromMs,
                asOf: wanted.asOf,
                found: found != nil
            )
        }
    }
}
