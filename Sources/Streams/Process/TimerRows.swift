import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// A task's timers, in bytes: for each clock one due time a key, in a table that is restored from a changelog, and the
/// order in which they are due.
///
/// Owned by the task's thread. Which timers there are follows from the committed changelog (invariant 6), and the order
/// of those that are due from the timers alone: by due time, then by the bytes of the key.
final class TimerRows: TaskStore, LifecycleParticipant {
    /// The timers of one clock: rows of a due time without a value.
    private struct Clock {
        let kind: TimeKind
        let table: ByteTable
        let order: RowExpiry
        /// What calls `fire` at the earliest due time.
        let alarm: ScheduledPunctuation
        let schedule: PunctuationSchedule
        /// Those that are due now and have not had their turn, the last one first.
        var firing: [(key: [UInt8], dueMs: Int64)] = []

        func dueMs(at entry: Int) -> Int64 { TimestampedValue.timestampMs(table.value(at: entry)) ?? 0 }
    }

    /// What is done with a timer: its key, its due time, its clock, the time now.
    typealias Handler = (UnsafeRawBufferPointer, Int64, TimeKind, Int64) throws -> Void

    /// How many timers that are due are taken out at a time.
    private static let firedTogether = 1_024

    let name: String
    let isLogged: Bool
    private let isCached: Bool
    private let record: UnsafeMutablePointer<CurrentRecord>
    private let changelog: ChangelogOutput?
    /// What `record` lies in, however long the user's code keeps its timers.
    private let memory: TaskMemory
    private var clocks: [Clock] = []
    private var handler: Handler = { _, _, _, _ in }
    /// Keys of the changelog: the clock's number, then the key.
    private var logged = ByteWriter()
    private var noValue: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    init(_ definition: StoreDefinition, in context: TaskContext) {
        name = definition.name
        isLogged = definition.isLogged
        isCached = definition.isCached && definition.isLogged && context.cacheMaximumBytes > 0
        record = context.record
        memory = context.memory
        changelog = context.changelog(of: definition)
        clocks = [TimeKind.streamTime, .wallClock].enumerated().map { number, kind in
            let table = ByteTable(
                remembering: isCached ? .dirtyEntries : [],
                cacheBytesMax: context.cacheMaximumBytes
            )
            return Clock(
                kind: kind,
                table: table,
                order: RowExpiry(table),
                alarm: ScheduledPunctuation(name) { [unowned self] nowMs in try fire(number, nowMs) },
                schedule: kind == .streamTime ? context.streamTimeSchedule : context.wallClockSchedule
            )
        }
    }

    var memoryBytes: Int { clocks.reduce(0) { $0 + $1.table.memoryBytes + $1.order.memoryBytes } }

    private func number(_ kind: TimeKind) -> Int {
        switch kind {
        case .streamTime: 0
        case .wallClock: 1
        }
    }

    // As operators see it

    func handle(_ handler: @escaping Handler) {
        self.handler = handler
    }

    /// The due time of a key; nil if it has no timer.
    func dueMs(of key: UnsafeRawBufferPointer, _ kind: TimeKind) -> Int64? {
        let clock = clocks[number(kind)]
        let entry = clock.table.find(key)
        return entry >= 0 ? clock.dueMs(at: entry) : clock.firing.first { $0.key.elementsEqual(key) }?.dueMs
    }

    func set(_ key: UnsafeRawBufferPointer, dueMs: Int64, _ kind: TimeKind) throws {
        let number = number(kind)
        try changelog?.check(keyCount: key.count + 1, valueCount: MemoryLayout<Int64>.size)
        _ = takeBack(key, number)
        let entry = put(key, dueMs, number)
        let clock = clocks[number]
        if dueMs < clock.alarm.dueMs ?? Int64.max { clock.schedule.set(clock.alarm, dueMs: dueMs) }
        try log(entry, key, dueMs, number)
    }

    /// Takes a timer away; returns whether there was one.
    func cancel(_ key: UnsafeRawBufferPointer, _ kind: TimeKind) throws -> Bool {
        let number = number(kind)
        if takeBack(key, number) { return true }
        let entry = clocks[number].table.find(key)
        guard entry >= 0 else { return false }
        try remove(at: entry, key, number)
        return true
    }

    /// Takes a timer out of those that wait for their turn now.
    private func takeBack(_ key: UnsafeRawBufferPointer, _ number: Int) -> Bool {
        guard !clocks[number].firing.isEmpty,
            let place = clocks[number].firing.firstIndex(where: { $0.key.elementsEqual(key) })
        else { return false }
        clocks[number].firing.remove(at: place)
        return true
    }

    private func put(_ key: UnsafeRawBufferPointer, _ dueMs: Int64, _ number: Int) -> Int {
        let clock = clocks[number]
        let (entry, isNew) = clock.table.insertOrFind(key)
        let oldMs = isNew ? nil : clock.dueMs(at: entry)
        clock.table.setTimestampedValue(at: entry, timestampMs: dueMs, noValue)
        clock.order.didWrite(entry, timestampMs: dueMs, oldMs: oldMs)
        return entry
    }

    private func remove(at entry: Int, _ key: UnsafeRawBufferPointer, _ number: Int) throws {
        clocks[number].table.remove(at: entry)
        try log(entry, key, nil, number)
    }

    // Their turn

    /// Lets the timers that are due have their turn. One that is set meanwhile has it a millisecond later at the earliest,
    /// so that a timer which sets itself again cannot keep the thread for ever.
    private func fire(_ number: Int, _ nowMs: Int64) throws {
        let clock = clocks[number]
        var left = clock.table.count
        while left > 0 {
            let count = min(left, Self.firedTogether)
            try collect(number, nowMs, countMax: count)
            guard !clocks[number].firing.isEmpty else { break }
            left -= clocks[number].firing.count
            while let (key, dueMs) = clocks[number].firing.popLast() {
                try key.withUnsafeBytes { try handler($0, dueMs, clock.kind, nowMs) }
            }
        }
        setAlarm(number, notBefore: PunctuationSchedule.sum(nowMs, 1))
    }

    private func collect(_ number: Int, _ nowMs: Int64, countMax: Int) throws {
        let clock = clocks[number]
        var due: [(key: [UInt8], dueMs: Int64)] = []
        while due.count < countMax, let entry = clock.order.next(through: nowMs) {
            let key = [UInt8](clock.table.key(at: entry))
            due.append((key, clock.dueMs(at: entry)))
            try key.withUnsafeBytes { try remove(at: entry, $0, number) }
        }
        clocks[number].firing = due.reversed()
    }

    private func setAlarm(_ number: Int, notBefore earliestMs: Int64) {
        let clock = clocks[number]
        guard clock.table.count > 0 else { return }
        clock.schedule.set(clock.alarm, dueMs: max(clock.order.earliestMs, earliestMs))
    }

    // As the task sees it

    func start() {
        for number in clocks.indices { setAlarm(number, notBefore: 0) }
    }

    func stop() {}

    func release() {
        handler = { _, _, _, _ in }
    }

    private func log(_ entry: Int, _ key: UnsafeRawBufferPointer, _ dueMs: Int64?, _ number: Int) throws {
        let timestampMs = record.pointee.timestamp
        guard isCached else { return try append(number, key, dueMs, timestampMs: timestampMs) }
        let table = clocks[number].table
        table.noteContext(at: entry, TouchContext(timestampMs: timestampMs))
        if table.isOverCacheBound { try flush() }
    }

    private func append(
        _ number: Int,
        _ key: UnsafeRawBufferPointer,
        _ dueMs: Int64?,
        timestampMs: Int64
    ) throws {
        guard let changelog else { return }
        logged.removeAll()
        logged.append(UInt8(number))
        logged.append(key)
        guard let dueMs else { return try changelog.append(key: logged.bytes, value: nil, timestamp: timestampMs) }
        try withUnsafeBytes(of: dueMs.bigEndian) { value in
            try changelog.append(key: logged.bytes, value: value, timestamp: timestampMs)
        }
    }

    func flush() throws {
        guard isCached else { return }
        for (number, clock) in clocks.enumerated() {
            try clock.table.flush { (dirty) throws in
                let dueMs = dirty.newValue.flatMap { TimestampedValue.timestampMs($0) }
                try append(number, dirty.key, dueMs, timestampMs: dirty.context.timestampMs)
            }
        }
    }

    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) throws {
        guard let number = key.first.map(Int.init), clocks.indices.contains(number), value?.count ?? 8 == 8 else {
            throw StoreError.invalidChangelog(store: name)
        }
        let clock = clocks[number]
        let key = UnsafeRawBufferPointer(rebasing: key[1...])
        guard let dueMs = value.map({ Int64(bigEndian: $0.loadUnaligned(as: Int64.self)) }) else {
            return clock.table.load(key, nil)
        }
        let old = clock.table.find(key)
        let oldMs = old < 0 ? nil : clock.dueMs(at: old)
        logged.removeAll()
        logged.append(dueMs)
        clock.table.load(key, logged.bytes)
        clock.order.didWrite(clock.table.find(key), timestampMs: dueMs, oldMs: oldMs)
    }
}
