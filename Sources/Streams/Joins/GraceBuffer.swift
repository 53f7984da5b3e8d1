import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

/// The records of a stream that wait for a grace period before a join looks their rows up, so that rows that come late
/// are there (KIP-923).
///
/// They leave in the order of their times, then of their keys' bytes, then of arrival, as soon as the buffer's own stream
/// time (the greatest time of a record that was put in) is `graceMs` past them. A record that is as late as that when it
/// comes does not wait at all.
///
/// A row's key is the time, the record's key and a number of arrival; its value is the length of the headers, the headers
/// and the record's value. Both are written to the changelog, from which the buffer is restored; the stream time is a
/// register of the task.
///
/// Owned by the task's thread.
@usableFromInline
final class GraceBuffer<Key, Value>: TaskStore, StreamTimeParticipant {
    @usableFromInline let name: String
    @usableFromInline let isLogged: Bool
    @usableFromInline let graceMs: Int64
    @usableFromInline let rows = BufferedRows()
    @usableFromInline let changelog: ChangelogOutput?
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    /// Runs the serdes: when one throws, the buffer stays as it was.
    @usableFromInline let guarded: OperatorGuard
    @usableFromInline let failures: FailureHandling
    /// The greatest time of a record that was put in, or to which time went on without records; -1 before the first.
    @usableFromInline let streamTime: TaskRegister
    /// Where records go once time has gone on without any; nil until the join is composed.
    @usableFromInline var next: Out<Key, Value>?

    @usableFromInline
    init(
        _ definition: StoreDefinition,
        of operatorName: String,
        in context: TaskContext,
        graceMs: Int64,
        keys: Serde<Key>,
        values: Serde<Value>
    ) {
        name = definition.name
        isLogged = definition.isLogged
        self.graceMs = graceMs
        self.keys = keys
        self.values = values
        record = context.record
        guarded = context.guarded(operatorName)
        failures = context.failures
        changelog = context.changelog(of: definition)
        streamTime = context.register(named: "\(definition.name)-time", initial: -1)
    }

    @usableFromInline var memoryBytes: Int { rows.memoryBytes }

    /// Takes a record in, and passes on all those that have waited long enough. A record without a key passes at once:
    /// there is no row to wait for.
    @inlinable
    func push(_ key: Key, _ value: Value, _ timestamp: Int64, to next: Out<Key, Value>) throws {
        let encoded = try guarded.attempt {
            rows.begin(at: timestamp)
            return try keys.write(key, &rows.key.pointee)
        }
        guard let hasKey = encoded else { return }
        guard hasKey else { return try next.push(key, value, timestamp) }
        streamTime.raise(to: timestamp)
        // Neither is less than -1, so that this cannot overflow.
        let dueMs = streamTime.value - graceMs
        guard timestamp > dueMs else { return try next.push(key, value, timestamp) }
        let hasValue = try guarded.attempt {
            rows.beginValue(headers: record.pointee.headers)
            guard try values.write(value, &rows.value.pointee) else { return false }
            try changelog?.check(
                keyCount: rows.key.pointee.count + BufferedRows.numberCount,
                valueCount: rows.value.pointee.count
            )
            return true
        }
        guard hasValue == true else { return }
        try changelog?.append(key: rows.finishKey(), value: rows.value.pointee.bytes, timestamp: timestamp)
        rows.insert(at: timestamp)
        if rows.earliestMs <= dueMs { try release(through: dueMs, to: next) }
    }

    /// Passes on the records up to a time, each with its own headers.
    @inlinable
    func release(through dueMs: Int64, to next: Out<Key, Value>) throws {
        let headers = record.pointee.headers
        defer { record.pointee.headers = headers }
        try rows.removeAll(through: dueMs) { row in
            record.pointee.headers = row.headers
            // The record under way is another one.
            try failures.passOn(heldBy: name) {
                let held = try guarded.attempt { (key: try keys.read(row.key), value: try values.read(row.value)) }
                if let held { try next.push(held.key, held.value, row.timestamp) }
            }
            try changelog?.append(key: row.bytes, value: nil, timestamp: row.timestamp)
        }
    }

    @usableFromInline
    func advance(streamTimeMs: Int64) throws {
        guard let next, streamTimeMs > streamTime.value else { return }
        streamTime.value = streamTimeMs
        let dueMs = streamTimeMs - graceMs
        if rows.earliestMs <= dueMs { try release(through: dueMs, to: next) }
    }

    @usableFromInline
    func restore(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?, timestamp: Int64) {
        rows.restore(key, value)
    }

    @usableFromInline
    func flush() throws {}
}

/// The rows of a `GraceBuffer`, as bytes in the order in which they leave.
@usableFromInline
final class BufferedRows {
    /// A row; good while it is visited.
    @usableFromInline
    struct Row {
        /// The whole key, as the changelog has it.
        @usableFromInline let bytes: UnsafeRawBufferPointer
        @usableFromInline let timestamp: Int64
        @usableFromInline let key: UnsafeRawBufferPointer
        @usableFromInline let headers: UnsafeRawBufferPointer
        @usableFromInline let value: UnsafeRawBufferPointer
    }

    private let table = ByteTable()
    private let scratch = Scratch()
    private let bound = Scratch()
    /// The number that the next row is told apart by from others with its time and key.
    private var nextNumber: UInt64 = 0
    /// No row is earlier than this.
    @usableFromInline private(set) var earliestMs = Int64.max

    private static let timeCount = 8
    @usableFromInline static let numberCount = 8

    @usableFromInline var memoryBytes: Int { table.memoryBytes }

    /// Where the key of the next row is written.
    @usableFromInline var key: UnsafeMutablePointer<ByteWriter> { scratch.key }
    /// Where its value is written.
    @usableFromInline var value: UnsafeMutablePointer<ByteWriter> { scratch.value }

    @usableFromInline
    func begin(at timestamp: Int64) {
        key.pointee.removeAll()
        key.pointee.append(Self.ordered(timestamp))
    }

    @usableFromInline
    func beginValue(headers: UnsafeRawBufferPointer) {
        value.pointee.removeAll()
        value.pointee.append(unsignedVarint: UInt64(headers.count))
        value.pointee.append(headers)
    }

    @usableFromInline
    func finishKey() -> UnsafeRawBufferPointer {
        key.pointee.append(nextNumber)
        nextNumber += 1
        return key.pointee.bytes
    }

    /// Puts in the row that was written.
    @usableFromInline
    func insert(at timestamp: Int64) {
        table.put(key.pointee.bytes, value.pointee.bytes)
        earliestMs = min(earliestMs, timestamp)
    }

    /// Visits the rows up to a time and removes them.
    @usableFromInline
    func removeAll(through lastMs: Int64, _ visit: (Row) throws -> Void) throws {
        let end = bound.key
        end.pointee.removeAll()
        end.pointee.append(Self.ordered(lastMs + 1))
        var due = table.range(from: nil, to: end.pointee.bytes)
        while let entry = due.next() {
            try visit(try row(table.key(at: entry), table.value(at: entry)))
            table.remove(at: entry)
        }
        earliestMs = table.count == 0 ? Int64.max : lastMs + 1
    }

    private func row(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Row {
        var reader = ByteReader(value)
        let headersCount = try reader.readUnsignedVarint()
        let headers = try reader.readBytes(Int(truncatingIfNeeded: headersCount))
        let last = key.count - Self.numberCount
        guard last >= Self.timeCount else {
            throw SerdeError.invalid("a buffered record with a key of \(key.count) bytes")
        }
        return Row(
            bytes: key,
            timestamp: Self.timestamp(key),
            key: UnsafeRawBufferPointer(rebasing: key[Self.timeCount..<last]),
            headers: headers,
            value: try reader.readBytes(reader.remaining)
        )
    }

    func restore(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
        table.load(key, value)
        guard key.count >= Self.timeCount + Self.numberCount else { return }
        let number = key.loadUnaligned(fromByteOffset: key.count - Self.numberCount, as: UInt64.self)
        nextNumber = max(nextNumber, UInt64(bigEndian: number) &+ 1)
        if value != nil { earliestMs = min(earliestMs, Self.timestamp(key)) }
    }

    /// A time as a number whose bytes are in the order of times, negative ones too.
    private static func ordered(_ timestamp: Int64) -> UInt64 { UInt64(bitPattern: timestamp) ^ (1 << 63) }

    private static func timestamp(_ key: UnsafeRawBufferPointer) -> Int64 {
        Int64(bitPattern: UInt64(bigEndian: key.loadUnaligned(as: UInt64.self)) ^ (1 << 63))
    }
}

/// A grace period of a join while its topology is built.
@usableFromInline
struct GracePeriod<Key, Value>: Sendable {
    @usableFromInline let definition: StoreDefinition
    @usableFromInline let operatorName: String
    @usableFromInline let milliseconds: Int64
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>

    @usableFromInline
    init(
        definition: StoreDefinition,
        of operatorName: String,
        milliseconds: Int64,
        keys: Serde<Key>,
        values: Serde<Value>
    ) {
        self.definition = definition
        self.operatorName = operatorName
        self.milliseconds = milliseconds
        self.keys = keys
        self.values = values
    }

    /// What a join does with a record, after the grace period.
    @inlinable
    func compose(_ context: TaskContext, _ next: Out<Key, Value>) -> Out<Key, Value> {
        let buffer = context.store(named: definition.name) {
            GraceBuffer(
                definition,
                of: operatorName,
                in: context,
                graceMs: milliseconds,
                keys: keys,
                values: values
            )
        }
        buffer.next = next
        let isAbsent = Absence.check(Value.self)
        return Out { key, value, timestamp in
            if isAbsent.needed, isAbsent.test(value) { return }
            try buffer.push(key, value, timestamp, to: next)
        }
    }
}
