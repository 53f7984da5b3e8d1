import MillracePrimitives

/// The versions of one key in their bytes: a head, which says where the oldest one lies, and the versions, one after the
/// other by time. Between the head and the oldest lies garbage.
struct VersionHistory {
    static let headCount = 4

    let bytes: UnsafeRawBufferPointer
    /// Where the oldest version begins.
    let start: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        start = Int(bytes.loadUnaligned(as: UInt32.self))
        assert(start >= VersionHistory.headCount && start < bytes.count, "a key has a version")
    }

    static func writeHead(start: Int, to body: UnsafeMutableRawPointer) {
        body.storeBytes(of: UInt32(start), as: UInt32.self)
    }

    var oldest: StoredVersion { StoredVersion(in: bytes, at: start) }

    var newest: StoredVersion { StoredVersion(in: bytes, endingAt: bytes.count) }

    func version(before version: StoredVersion) -> StoredVersion? {
        version.offset > start ? StoredVersion(in: bytes, endingAt: version.offset) : nil
    }

    func version(after version: StoredVersion) -> StoredVersion? {
        let next = version.offset + version.size
        return next < bytes.count ? StoredVersion(in: bytes, at: next) : nil
    }

    /// Where the version of a time lies or would lie, what it takes now, and when the one after it begins.
    func place(of timeMs: Int64) -> (offset: Int, replacedSize: Int, nextValidFromMs: Int64?) {
        var offset = bytes.count
        var next: Int64?
        var version: StoredVersion? = newest
        while let current = version, current.validFromMs >= timeMs {
            offset = current.offset
            if current.validFromMs == timeMs { return (offset, current.size, next) }
            next = current.validFromMs
            version = self.version(before: current)
        }
        return (offset, 0, next)
    }
}

/// One version in its bytes: its time, the length of its value (-1 for a deletion), the value, and its own size, which
/// leads from a version to the one before it.
struct StoredVersion {
    private static let headCount = 12
    private static let tailCount = 4

    let offset: Int
    let size: Int
    let validFromMs: Int64
    /// Nil for a deletion.
    let value: UnsafeRawBufferPointer?

    init(in bytes: UnsafeRawBufferPointer, at offset: Int) {
        self.offset = offset
        validFromMs = bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self)
        let valueCount = Int(bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int32.self))
        let valueOffset = offset + StoredVersion.headCount
        size = StoredVersion.headCount + max(0, valueCount) + StoredVersion.tailCount
        value =
            valueCount < 0 ? nil : UnsafeRawBufferPointer(rebasing: bytes[valueOffset..<(valueOffset + valueCount)])
    }

    init(in bytes: UnsafeRawBufferPointer, endingAt end: Int) {
        let size = bytes.loadUnaligned(fromByteOffset: end - StoredVersion.tailCount, as: UInt32.self)
        self.init(in: bytes, at: end - Int(size))
        assert(self.size == Int(size), "a version's size stands at both of its ends")
    }

    static func size(of value: UnsafeRawBufferPointer?) -> Int { headCount + (value?.count ?? 0) + tailCount }

    static func write(_ value: UnsafeRawBufferPointer?, validFromMs: Int64, to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: validFromMs, as: Int64.self)
        target.storeBytes(of: value.map { Int32($0.count) } ?? -1, toByteOffset: 8, as: Int32.self)
        if let value, let start = value.baseAddress {
            RawBytes.copy(start, to: target + headCount, count: value.count)
        }
        target.storeBytes(
            of: UInt32(size(of: value)),
            toByteOffset: size(of: value) - tailCount,
            as: UInt32.self
        )
    }
}
