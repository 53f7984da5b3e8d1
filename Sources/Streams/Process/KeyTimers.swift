import MillracePrimitives
import MillraceRecordFormat
import MillraceStreamsRuntime
import MillraceTopology

/// Timers of keys, for processors: each key has at most one on either clock. They are kept in a store with a changelog,
/// and survive restarts; Kafka Streams has none.
///
///     let deadlines = Stores.timers("deadlines", keys: .utf8)
///
///     final class Reminding: Processor {
///         let timers: KeyTimers<String>
///
///         init(_ context: ProcessorContext<String, String>, _ timers: KeyTimers<String>) {
///             self.timers = timers
///             timers.onTimer { timer in
///                 try context.forward(Record(key: timer.key, value: "overdue", timestampMs: timer.nowMs))
///             }
///         }
///
///         func process(_ record: Record<String, String>) throws {
///             try timers.set(record.key, at: record.timestampMs + 60_000, .streamTime)
///         }
///     }
///
///     orders.process(stores: deadlines) { Reminding($0, $1) }
///
/// Those that are due run after the record that moved the stream time on, or as the wall clock does, in the order of
/// their due times and of their keys' bytes where these are equal; a timer that is set while others run has its turn a
/// millisecond later at the earliest. A timer for a time that is past runs as soon as the record under way is done.
///
/// Valid as long as the task that it was got in; used by that task's thread alone.
public struct KeyTimers<Key> {
    /// A timer whose turn it is. It is gone: set it again for another turn.
    public struct Timer {
        /// The key.
        public let key: Key
        /// When it was due, in milliseconds since 1970.
        public let dueMs: Int64
        /// The clock that it went by.
        public let kind: TimeKind
        /// What that clock says now.
        public let nowMs: Int64

        /// A record of this key that `processValues` may forward, by default with the time now.
        public func record<Value>(value: Value, timestampMs: Int64? = nil) -> FixedKeyRecord<Key, Value> {
            FixedKeyRecord(key: key, value: value, timestampMs: timestampMs ?? nowMs, headers: [])
        }
    }

    private let rows: TimerRows
    private let keys: Serde<Key>
    private let guarded: OperatorGuard
    private let failures: FailureHandling
    private let scratch = Scratch()

    init(_ rows: TimerRows, keys: Serde<Key>, in context: TaskContext) {
        self.rows = rows
        self.keys = keys
        guarded = context.guarded(rows.name)
        failures = context.failures
    }

    /// The name of the store that keeps them.
    public var name: String { rows.name }

    /// Says what is done when a timer is due: once, as the processor is made.
    public func onTimer(_ run: @escaping (Timer) throws -> Void) {
        rows.handle { [keys, guarded, failures] key, dueMs, kind, nowMs in
            let timer = Timer(key: try keys.read(key), dueMs: dueMs, kind: kind, nowMs: nowMs)
            guard try guarded.attempt({ try run(timer) }) != nil else { return }
            try failures.throwIfEscaped()
        }
    }

    /// Sets the timer of a key, in place of one that it has on this clock.
    ///
    /// - Parameter dueMs: when it is due, in milliseconds since 1970.
    public func set(_ key: Key, at dueMs: Int64, _ kind: TimeKind) throws {
        try rows.set(try scratch.encode(key, keys, in: name), dueMs: max(0, dueMs), kind)
    }

    /// Takes the timer of a key away; returns whether there was one.
    @discardableResult
    public func cancel(_ key: Key, _ kind: TimeKind) throws -> Bool {
        try rows.cancel(try scratch.encode(key, keys, in: name), kind)
    }

    /// When the timer of a key is due, in milliseconds since 1970; nil if it has none.
    public func dueMs(of key: Key, _ kind: TimeKind) throws -> Int64? {
        rows.dueMs(of: try scratch.encode(key, keys, in: name), kind)
    }
}

extension Stores {
    /// Timers of keys, which one processor sets and is called by.
    ///
    /// - Parameters:
    ///   - name: the store's name, which its changelog topic is named after.
    ///   - keys: how keys are written and read.
    ///   - isLogged: whether there is a changelog topic. Without it the timers are lost when the task moves or the
    ///     application stops.
    ///   - isCached: whether changes are held back until the commit, so that of a timer that is set with each record only
    ///     the last due time is written.
    ///   - changelogConfiguration: further settings of the changelog topic, by Kafka's names.
    ///   - renamedFrom: what the store was called before; see `Stores.keyValue`.
    public static func timers<Key>(
        _ name: String,
        keys: Serde<Key>,
        isLogged: Bool = true,
        isCached: Bool = true,
        changelogConfiguration: [String: String] = [:],
        renamedFrom: String? = nil
    ) -> StoreReference<KeyTimers<Key>> {
        let definition = StoreDefinition(
            name: name,
            format: StoreFormat(.timers, keys: keys.format, values: "due"),
            isLogged: isLogged,
            isCached: isCached,
            changelogConfiguration: changelogConfiguration,
            formerName: renamedFrom
        )
        return StoreReference(definition, keys) { definition, context in
            let rows = context.store(named: definition.name) { TimerRows(definition, in: context) }
            return KeyTimers(rows, keys: keys, in: context)
        }
    }
}
