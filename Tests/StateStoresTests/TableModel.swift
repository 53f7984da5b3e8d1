import MillracePrimitives
import MillraceStateStores
import Testing

typealias Bytes = [UInt8]

extension ByteTable {
    func put(_ key: Bytes, _ value: Bytes) {
        key.withUnsafeBytes { key in value.withUnsafeBytes { value in _ = put(key, value) } }
    }

    func get(_ key: Bytes) -> Bytes? {
        key.withUnsafeBytes { key in get(key).map { Bytes($0) } }
    }

    func remove(_ key: Bytes) -> Bool {
        key.withUnsafeBytes { key in remove(key) }
    }

    func find(_ key: Bytes) -> Int {
        key.withUnsafeBytes { key in find(key) }
    }

    func insertOrFind(_ key: Bytes) -> (entry: Int, isNew: Bool) {
        key.withUnsafeBytes { key in insertOrFind(key) }
    }

    func setValue(at entry: Int, _ value: Bytes) {
        value.withUnsafeBytes { value in setValue(at: entry, value) }
    }

    func load(_ key: Bytes, _ value: Bytes?) {
        key.withUnsafeBytes { key in
            guard let value else { return load(key, nil) }
            value.withUnsafeBytes { value in load(key, value) }
        }
    }

    /// The contents as a dictionary, read by `forEach`.
    var contents: [Bytes: Bytes] {
        var contents: [Bytes: Bytes] = [:]
        forEach { entry in contents[Bytes(key(at: entry))] = Bytes(value(at: entry)) }
        return contents
    }

    /// What a flush visits, in its order.
    func flushed() -> [Flushed] {
        var visited: [Flushed] = []
        flush { dirty in visited.append(Flushed(dirty)) }
        return visited
    }
}

/// A dirty entry, copied out of the table.
struct Flushed: Equatable {
    var key: Bytes
    var old: Bytes?
    var new: Bytes?

    init(key: Bytes, old: Bytes?, new: Bytes?) {
        self.key = key
        self.old = old
        self.new = new
    }

    init(_ dirty: DirtyEntry) {
        key = Bytes(dirty.key)
        old = dirty.oldValue.map { Bytes($0) }
        new = dirty.newValue.map { Bytes($0) }
    }
}

/// Random keys and values. Few keys make overwrites and removals likely, many cross growth; the lengths go past what an
/// entry holds itself, and now and then past what the arena has room for.
struct Draw {
    var random: SeededRandom
    let keyCount: Int

    init(seed: UInt64, keyCount: Int) {
        random = SeededRandom(seed: seed)
        self.keyCount = keyCount
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    /// The same number always gives the same key; lengths from 0 to 60.
    mutating func key() -> Bytes { Draw.key(below(keyCount)) }

    static func key(_ number: Int) -> Bytes {
        var random = SeededRandom(seed: UInt64(number))
        let count = number == 0 ? 0 : number % 50 + 1
        var key = (0..<count).map { _ in UInt8.random(in: 0...3, using: &random) }
        withUnsafeBytes(of: UInt32(number).littleEndian) { key.append(contentsOf: $0.prefix(number == 0 ? 0 : 4)) }
        return key
    }

    mutating func value() -> Bytes {
        let count =
            switch below(20) {
            case 0: 0
            case 1..<12: 8 + below(9)
            case 12..<17: below(80)
            case 17, 18: below(600)
            default: below(6000)
            }
        let first = UInt8(truncatingIfNeeded: random.next())
        return (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) }
    }
}

func expectEqual(_ table: ByteTable, _ model: [Bytes: Bytes], _ comment: Comment) {
    #expect(table.count == model.count, comment)
    #expect(table.byteCount == model.reduce(0) { $0 + $1.key.count + $1.value.count }, comment)
    #expect(table.contents == model, comment)
    let lost = model.first { table.get($0.key) != $0.value }
    #expect(lost == nil, comment)
}
