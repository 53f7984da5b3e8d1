import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Lets only the first of several records with the same id through (KIP-655).
    ///
    ///     payments.deduplicate(by: { _, payment in payment.id }, ids: .utf8, within: .seconds(600))
    ///
    /// A record is a repetition if one with its key and its id was passed on whose timestamp is at most `within` away,
    /// earlier or later. What counts is event time, so the result does not depend on when records are processed; a record
    /// that comes later than `grace` allows cannot be told from a repetition and is dropped and counted as late.
    ///
    /// Records without a key are dropped. If the key was changed before, the stream is repartitioned first.
    ///
    /// - Parameters:
    ///   - id: what tells the records of one key apart.
    ///   - ids: how ids are written to the store.
    ///   - within: how far apart in time repetitions are at most.
    ///   - grace: how far records may be out of order; nil for as much as `within`.
    ///   - store: the store of the ids that were seen; they are kept for `within` and `grace`.
    ///   - name: the operator's name.
    public func deduplicate<Id>(
        by id: @escaping @Sendable (Key, Value) throws -> Id,
        ids: Serde<Id>,
        within: Duration,
        grace: Duration? = nil,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KStream<Key, Value> {
        let name = name ?? assembly.graph.unusedName("\(self.name)-deduplicate")
        func report(_ problem: String) { assembly.graph.report(.invalidArgument(operator: name, problem: problem)) }
        if within < .milliseconds(1) { report("within must be a millisecond or more, not \(within)") }
        if let grace, grace < .zero { report("grace must not be negative: it is \(grace)") }
        let withinMs = max(1, within.wholeMilliseconds)
        let graceMs = max(0, (grace ?? within).wholeMilliseconds)
        let keys = assembly.require(self.keys, "keys", for: node)
        let seen = Stores.window(
            store.name ?? "\(name)-seen",
            keys: .pair(keys, ids),
            values: .bool,
            size: .milliseconds(1),
            retention: .milliseconds(withinMs + graceMs + 1),
            isLogged: store.isLogged,
            changelogConfiguration: store.changelogConfiguration
        )
        let isAbsent = Absence.check(Key.self)
        let source = isRekeyed ? repartition(named: "\(name)-input") : self
        let first: KStream<Key, Value> = source.processValues(stores: seen, named: name) { record, context, seen in
            if isAbsent.needed, isAbsent.test(record.key) { return }
            let timestampMs = record.timestampMs
            if timestampMs < context.streamTimeMs - graceMs { return context.countLateRecord() }
            let key = (record.key, try id(record.key, record.value))
            var similar = try seen.fetch(key, from: max(0, timestampMs - withinMs), through: timestampMs + withinMs)
            if try similar.next() != nil { return }
            try seen.put(key, true, startMs: timestampMs)
            try context.forward(record)
        }
        return KStream(regrouping: first, keys: self.keys, values: values)
    }

    /// Lets only the first of several records with the same key through. As `deduplicate(by:)`, with nothing but the key.
    public func deduplicate(
        within: Duration,
        grace: Duration? = nil,
        store: StoreOptions = StoreOptions(),
        named name: String? = nil
    ) -> KStream<Key, Value> {
        deduplicate(by: { _, _ in true }, ids: .bool, within: within, grace: grace, store: store, named: name)
    }
}

extension ProcessorScope {
    /// Counts the record under way among those that came too late.
    func countLateRecord() {
        current.pointee.lateRecords &+= 1
    }
}
