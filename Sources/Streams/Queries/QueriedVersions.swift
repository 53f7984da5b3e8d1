import MillraceStateStores
import MillraceStreamsRuntime

/// A versioned store that can be asked from outside of its task.
protocol QueriedVersions: QueriedStore {
    var versions: VersionedTable { get }
}

/// A version, copied out of its store.
struct CopiedVersion: Sendable {
    var value: [UInt8]
    var validFromMs: Int64
    var validToMs: Int64?

    init(_ version: KeyVersion) {
        value = [UInt8](version.value)
        validFromMs = version.validFromMs
        validToMs = version.validToMs
    }
}

/// Which versions of a key are asked for: those valid at any moment from one time through another.
struct StoredVersionRange: Sendable {
    var firstMs: Int64
    var lastMs: Int64
    var isAscending: Bool
    /// Where the versions of earlier pages end, when the oldest come first: only those that begin then or later are left.
    var beginsAtMs = Int64.min

    /// What is left of the range after a version; nil if nothing is.
    func after(_ version: CopiedVersion) -> StoredVersionRange? {
        var rest = self
        if isAscending {
            guard let next = version.validToMs else { return nil }
            rest.beginsAtMs = next
        } else {
            guard version.validFromMs > Int64.min else { return nil }
            rest.lastMs = version.validFromMs - 1
        }
        return rest
    }
}

/// Some versions of a key.
struct StoredVersionPage: Sendable {
    var versions: [CopiedVersion] = []
    var rest: StoredVersionRange?
}

extension QueriedVersions {
    func version(of key: [UInt8], asOf timestampMs: Int64?) -> CopiedVersion? {
        key.withUnsafeBytes { key in
            let version = if let timestampMs { versions.get(key, asOf: timestampMs) } else { versions.get(key) }
            return version.map(CopiedVersion.init)
        }
    }

    func page(of key: [UInt8], _ range: StoredVersionRange, _ limits: PageLimits) -> StoredVersionPage {
        var page = StoredVersionPage()
        var byteCount = 0
        key.withUnsafeBytes { key in
            versions.forEachVersion(
                of: key,
                from: max(range.firstMs, range.beginsAtMs),
                through: range.lastMs,
                ascending: range.isAscending
            ) { version in
                if version.validFromMs < range.beginsAtMs { return true }
                let copy = CopiedVersion(version)
                page.versions.append(copy)
                byteCount += copy.value.count
                guard page.versions.count >= limits.rowCountMax || byteCount >= limits.byteCountMax else { return true }
                page.rest = range.after(copy)
                return false
            }
        }
        return page
    }
}
