import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Lets at most so many records of each key through in each interval of event time, and drops the others.
    ///
    ///     alarms.throttle(to: 3, per: .seconds(60))
    ///
    /// Intervals are aligned as tumbling windows are: an interval of a minute begins with the minute. A record that comes
    /// when a later interval of its key has begun goes by that one. Records without a key are dropped. If the key was
    /// changed before, the stream is repartitioned first.
    ///
    /// - Parameters:
    ///   - count: how many records of a key pass in one interval, 1 or more.
    ///   - interval: a millisecond or more.
    ///   - store: the store of what has passed in the current interval of each key; a key is kept for two intervals.
    ///   - name: the operator's name.
    public func throttle(
        to count: Int,
        per interval: Duration,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KStream<Key, Value> {
        let source = keyed(for: "throttle", named: name)
        let stores = OperatorStores(store, of: "throttle", named: name, after: source)
        let result = source.child("throttle", name)
        let operatorName = result.name
        result.check(stores, without: .historyRetention, .timeToLive, .retention)
        func report(_ problem: String) {
            assembly.graph.report(.invalidArgument(operator: operatorName, problem: problem))
        }
        if count < 1 { report("throttle needs a count of 1 or more, not \(count)") }
        if interval < .milliseconds(1) { report("the interval must be a millisecond or more, not \(interval)") }
        let intervalMs = max(1, interval.wholeMilliseconds)
        let keys = assembly.require(source.keys, "keys", for: source.node)
        let passed = stores.first { storeName, formerName in
            Stores.keyValue(
                storeName,
                keys: keys,
                values: .pair(.int64, .int64),
                isLogged: store.isLogged,
                isCached: store.isCached,
                timeToLive: interval * 2,
                changelogConfiguration: store.changelogConfiguration,
                renamedFrom: formerName
            )
        }
        assembly.connect(passed, to: result.node)
        let isAbsent = Absence.check(Key.self)
        let target = result.port
        source.port.add { context in
            let next = target.compose(context)
            let rows = passed.instance(in: context)
            let guarded = context.guarded(operatorName)
            return Out { key, value, timestamp in
                if isAbsent.needed, isAbsent.test(key) { return }
                let passes = try guarded.attempt {
                    let number = timestamp / intervalMs
                    var state = try rows.get(key) ?? (number, 0)
                    if number > state.0 { state = (number, 0) }
                    guard state.1 < Int64(count) else { return false }
                    try rows.put(key, (state.0, state.1 + 1))
                    return true
                }
                if passes == true { try next.push(key, value, timestamp) }
            }
        }
        return result
    }
}
