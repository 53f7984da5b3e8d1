/// The bytes of one simulated file: what reads see now, what the disk surely has, and the way from one to the other.
struct SimulatedContents: Sendable {
    /// What happened to the file since it was last made durable.
    enum Change: Sendable {
        case write(offset: Int, bytes: [UInt8])
        case resize(to: Int)
    }

    /// The unit in which a disk writes: a sector is written whole or not at all.
    static let sectorSize = 512

    /// What reads see: the page cache.
    var live: [UInt8] = []
    /// What the disk has for certain.
    var durable: [UInt8] = []
    /// What was done since, in order.
    private(set) var changes: [Change] = []

    init() {}

    /// A file that is on the disk as a whole.
    init(durable: [UInt8]) {
        live = durable
        self.durable = durable
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        if bytes.isEmpty { return }
        live.place(bytes, at: offset)
        changes.append(.write(offset: offset, bytes: [UInt8](bytes)))
    }

    mutating func resize(to size: Int) {
        live.resize(to: size)
        changes.append(.resize(to: size))
    }

    /// Makes everything durable. Whole sectors go to the disk, as they are in the page cache.
    mutating func synchronize() {
        var lowestSize = min(durable.count, live.count)
        for case .resize(let size) in changes { lowestSize = min(lowestSize, size) }
        durable.resize(to: lowestSize)
        durable.resize(to: live.count)
        for case .write(let offset, let bytes) in changes {
            let start = min(offset / Self.sectorSize * Self.sectorSize, live.count)
            let end = min((offset + bytes.count).roundedUp(to: Self.sectorSize), live.count)
            live[start..<end].withUnsafeBytes { durable.place($0, at: start) }
        }
        changes.removeAll()
    }

    /// What a failed synchronize does on Linux: reads go on seeing the bytes, but they count as written, so that no
    /// later synchronize brings them to the disk. Changes of the size stay with the file system's journal.
    mutating func forgetUnsyncedWrites() {
        changes.removeAll { change in
            switch change {
            case .write: true
            case .resize: false
            }
        }
    }

    /// What the disk may hold after power loss.
    ///
    /// Each sector shows the file as it was at some moment since it was last durable, each at a moment of its own; so
    /// does the size, and where it grew without its data there are zeros. What was written behind a cut is on the disk
    /// only if the cut is. The extremes (nothing survived, everything did) and a plain "everything up to here, and the
    /// next write torn" come up often, because they are likely in reality and would hardly come up by chance.
    func survivor(using random: inout some RandomNumberGenerator) -> [UInt8] {
        if changes.isEmpty { return durable }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return durable
        case 1: return live
        case 2:
            let moment = Int.random(in: 0..<changes.count, using: &random)
            return replay(moments: moment...moment + 1, using: &random)
        default:
            return replay(moments: 0...changes.count, using: &random)
        }
    }

    /// Replays the changes onto the durable bytes; for every sector and for the size, only those before a moment that is
    /// drawn from `moments`.
    private func replay(moments: ClosedRange<Int>, using random: inout some RandomNumberGenerator) -> [UInt8] {
        let sizeMoment = Int.random(in: moments, using: &random)
        var sectorMoments: [Int: Int] = [:]
        var bytes = durable
        var size = durable.count
        for (moment, change) in changes.enumerated() {
            switch change {
            case .resize(let newSize):
                // The rest came after a cut that did not survive.
                guard moment < sizeMoment else {
                    bytes.resize(to: size)
                    return bytes
                }
                bytes.resize(to: min(bytes.count, newSize))
                size = newSize
            case .write(let offset, let written):
                if moment < sizeMoment { size = max(size, offset + written.count) }
                written.withUnsafeBytes { written in
                    for piece in sectors(from: offset, count: written.count) {
                        let sector = (offset + piece.lowerBound) / Self.sectorSize
                        let sectorMoment = sectorMoments[sector] ?? Int.random(in: moments, using: &random)
                        sectorMoments[sector] = sectorMoment
                        if moment < sectorMoment {
                            bytes.place(UnsafeRawBufferPointer(rebasing: written[piece]), at: offset + piece.lowerBound)
                        }
                    }
                }
            }
        }
        bytes.resize(to: size)
        return bytes
    }

    /// Cuts a write at sector borders; the ranges are relative to its start.
    private func sectors(from offset: Int, count: Int) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var start = 0
        while start < count {
            let border = (offset + start + 1).roundedUp(to: Self.sectorSize)
            let end = min(count, border - offset)
            pieces.append(start..<end)
            start = end
        }
        return pieces
    }
}

extension Int {
    fileprivate func roundedUp(to unit: Int) -> Int { (self + unit - 1) / unit * unit }
}

extension [UInt8] {
    /// Shortens, or extends with zeros.
    mutating func resize(to size: Int) {
        if size < count {
            removeLast(count - size)
        } else {
            append(contentsOf: repeatElement(0, count: size - count))
        }
    }

    /// Overwrites bytes, extending the array with zeros as needed.
    mutating func place(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        if offset > count { resize(to: offset) }
        let overlap = Swift.min(bytes.count, count - offset)
        withUnsafeMutableBytes { all in
            UnsafeMutableRawBufferPointer(rebasing: all[offset..<offset + overlap])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<overlap]))
        }
        append(contentsOf: bytes[overlap...])
    }
}
