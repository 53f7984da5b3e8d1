import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Lets only the first of several records with the same id through (KIP-655).
    ///
    ///     payments.deduplicate(by: { _, payment in payment.id }, ids: .utf8, within: .seconds(600))
    ///
    /// A record is a repetition if one with its key and its id was passed on whose timestamp is at most `within` away,
    /// earlier or later. What counts is event time, so the result does not depend on when records are processed. A record
    /// that comes more than `grace` after the greatest timestamp that the operator has seen cannot be told from a
    /// repetition: it is dropped, counted as late, and handed to `lateRecords`.
    ///
    /// Records without a key are dropped. If the key was changed before, the stream is repartitioned first.
    ///
    /// - Parameters:
    ///   - id: what tells the records of one key apart.
    ///   - ids: how ids are written to the store.
    ///   - within: how far apart in time repetitions are at most.
    ///   - grace: how far records may be out of order; nil for as much as `within`.
    ///   - store: the store of the ids that were seen; they are kept for `within` and `grace`. It is never cached.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of the records that come too late, while the topology is built.
    public func deduplicate<Id>(
        by id: @escaping @Sendable (Key, Value) throws -> Id,
        ids: Serde<Id>,
        within: Duration,
        grace: Duration? = nil,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil
    ) -> KStream<Key, Value> {
        let source = keyed(for: "deduplicate", named: name)
        let stores = OperatorStores(store, of: "deduplicate", named: name, after: source)
        let result = source.child("deduplicate", name)
        let operatorName = result.name
        result.check(stores, without: .historyRetention, .timeToLive, .retention)
        func report(_ problem: String) {
            assembly.graph.report(.invalidArgument(operator: operatorName, problem: problem))
        }
        if within < .milliseconds(1) { report("within must be a millisecond or more, not \(within)") }
        if let grace, grace < .zero { report("grace must not be negative: it is \(grace)") }
        let withinMs = max(1, within.wholeMilliseconds)
        let graceMs = max(0, (grace ?? within).wholeMilliseconds)
        let keys = assembly.require(source.keys, "keys", for: source.node)
        let seen = stores.first { storeName, formerName in
            Stores.window(
                storeName,
                keys: .pair(keys, ids),
                values: .bool,
                size: .milliseconds(1),
                retention: .milliseconds(withinMs.addingSaturated(graceMs).addingSaturated(1)),
                isLogged: store.isLogged,
                changelogConfiguration: store.changelogConfiguration,
                renamedFrom: formerName
            )
        }
        assembly.connect(seen, to: result.node)
        let isAbsent = Absence.check(Key.self)
        let target = result.port
        let latePort = assembly.lateStream(of: source, at: result.node, lateRecords)
        source.port.add { context in
            let next = target.compose(context)
            let late = LateRecords(latePort, in: context)
            let rows = seen.instance(in: context)
            let clock = WindowClock(operatorName, registers: seen.name, in: context, completeAfterMs: 0)
            context.enlist(clock)
            let streamTime = clock.streamTime
            let guarded = context.guarded(operatorName)
            return Out { key, value, timestamp in
                if isAbsent.needed, isAbsent.test(key) { return }
                streamTime.raise(to: timestamp)
                if timestamp < streamTime.value.subtractingSaturated(graceMs) {
                    return try late.take(key, value, timestamp)
                }
                let isFirst = try guarded.attempt {
                    let key = (key, try id(key, value))
                    var similar = try rows.fetch(
                        key,
                        from: max(0, timestamp.subtractingSaturated(withinMs)),
                        through: timestamp.addingSaturated(withinMs)
                    )
                    if try similar.next() != nil { return false }
                    try rows.put(key, true, startMs: timestamp)
                    return true
                }
                if isFirst == true { try next.push(key, value, timestamp) }
            }
        }
        return result
    }

    /// Lets only the first of several records with the same key through. As `deduplicate(by:)`, with nothing but the key.
    public func deduplicate(
        within: Duration,
        grace: Duration? = nil,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil
    ) -> KStream<Key, Value> {
        deduplicate(
            by: { _, _ in true },
            ids: .bool,
            within: within,
            grace: grace,
            store: store,
            named: name,
            lateRecords: lateRecords
        )
    }
}
