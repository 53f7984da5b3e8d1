import MillraceStateStores

/// A row of a window or session table, copied out of it.
struct TimedRow: Equatable, CustomStringConvertible {
    var key: Bytes
    /// The window's start; the session's end.
    var time: Int64
    /// The row's place among those of one key and start; the session's start.
    var second: Int64
    var value: Bytes

    var description: String { "\(key)@\(time)/\(second)=\(value)" }
}

/// What window and session tables are compared with: rows in an array, searched from one end to the other.
struct TimedModel {
    var rows: [TimedRow] = []
    var observed: Int64 = -1
    let retention: Int64
    let showsEdge: Bool
    /// Whether rows count for the time of the table once they are flushed.
    let isCached: Bool

    init(retention: Int64, showsEdge: Bool, isCached: Bool = false) {
        self.retention = retention
        self.showsEdge = showsEdge
        self.isCached = isCached
    }

    func isVisible(_ time: Int64) -> Bool {
        showsEdge ? time >= observed - retention : time > observed - retention
    }

    func find(_ key: Bytes, _ time: Int64, _ second: Int64) -> Int? {
        rows.firstIndex { $0.key == key && $0.time == time && $0.second == second }
    }

    mutating func put(_ row: TimedRow) {
        if !isCached { observed = max(observed, row.time) }
        guard isVisible(row.time) else { return }
        if let index = find(row.key, row.time, row.second) { rows[index] = row } else { rows.append(row) }
    }

    mutating func remove(_ key: Bytes, _ time: Int64, _ second: Int64) {
        rows.removeAll { $0.key == key && $0.time == time && $0.second == second }
    }

    /// The visible rows, by key, then times.
    var visible: [TimedRow] {
        rows.filter { isVisible($0.time) }.sorted { left, right in
            if left.key != right.key { return left.key.lexicographicallyPrecedes(right.key) }
            return (left.time, left.second) < (right.time, right.second)
        }
    }

    /// The visible rows, by time, then key.
    var visibleByTime: [TimedRow] {
        visible.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    }
}

/// What a flush must visit: the rows written since the last one, in the order of their last writes, with what the layer
/// below has of them.
struct CacheModel {
    struct Row: Hashable {
        var key: Bytes
        var time: Int64
        var second: Int64
    }

    private var dirty: [Row] = []
    private var below: [Row: Bytes] = [:]

    mutating func wrote(_ row: Row) {
        dirty.removeAll { $0 == row }
        dirty.append(row)
    }

    mutating func flush(_ model: inout TimedModel) -> [TimedFlush] {
        defer { dirty = [] }
        var visited: [TimedFlush] = []
        for row in dirty {
            let new = model.find(row.key, row.time, row.second).map { model.rows[$0].value }
            var old = below[row]
            below[row] = new
            if !model.isVisible(row.time) { old = nil }
            guard old != nil || new != nil else { continue }
            model.observed = max(model.observed, row.time)
            visited.append(TimedFlush(row: row, old: old, new: new))
        }
        return visited
    }
}

/// A row as a flush visits it.
struct TimedFlush: Equatable {
    var row: CacheModel.Row
    var old: Bytes?
    var new: Bytes?
}

/// Keys of which some begin others, with bytes that look like the beginning of a time.
func timedKeys(_ count: Int) -> [Bytes] {
    let tricky: [Bytes] = [
        [], [0], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 9], [0, 0, 0, 0, 0, 0, 0, 9, 1],
        [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 40], [97], [97, 0], [97, 98], [255], [255, 255],
    ]
    return (0..<count).map { $0 < tricky.count ? tricky[$0] : Draw.key($0) }
}

extension Draw {
    /// Up to 24 bytes: with a key and its times, sometimes more than an entry holds itself.
    mutating func shortValue() -> Bytes { (0..<below(25)).map { _ in UInt8(below(256)) } }
}
