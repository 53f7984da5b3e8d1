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
        let name = name ?? assembly.graph.unusedName("\(self.name)-throttle")
        func report(_ problem: String) { assembly.graph.report(.invalidArgument(operator: name, problem: problem)) }
        if count < 1 { report("throttle needs a count of 1 or more, not \(count)") }
        if interval < .milliseconds(1) { report("the interval must be a millisecond or more, not \(interval)") }
        let intervalMs = max(1, interval.wholeMilliseconds)
        let keys = assembly.require(self.keys, "keys", for: node)
        let passed = Stores.keyValue(
            store.name ?? "\(name)-passed",
            keys: keys,
            values: .pair(.int64, .int64),
            isLogged: store.isLogged,
            isCached: store.isCached,
            timeToLive: .milliseconds(intervalMs * 2),
            changelogConfiguration: store.changelogConfiguration
        )
        let isAbsent = Absence.check(Key.self)
        let source = isRekeyed ? repartition(named: "\(name)-input") : self
        let some: KStream<Key, Value> = source.processValues(stores: passed, named: name) { record, context, passed in
            if isAbsent.needed, isAbsent.test(record.key) { return }
            let number = record.timestampMs / intervalMs
            var state = try passed.get(record.key) ?? (number, 0)
            if number > state.0 { state = (number, 0) }
            guard state.1 < Int64(count) else { return }
            try passed.put(record.key, (state.0, state.1 + 1))
            try context.forward(record)
        }
        return KStream(regrouping: some, keys: self.keys, values: values)
    }
}
