import MillracePrimitives
import MillraceStateStores
import MillraceStreamsRuntime
import MillraceTopology

// A join of two tables in which a left row names the right row that it belongs to, as Kafka Streams does it (KIP-213).
//
//     left task                                right task
//     left changes ──► subscribe ──(topic)──► answer: keeps the subscription, looks the right row up
//                                               │
//     result ◄──────── respond ◄───(topic)──────┴── notify ◄── right changes
//
// A left row that changes subscribes to its right row where that one lives. The answer goes back to the left row's
// partition, and counts only if the left row is still the one that asked: its hash tells. A right row that changes answers
// all that have subscribed to it. The two tables may have unlike numbers of partitions. Updates of versioned tables that
// came out of order take no part (KIP-914).
extension KTable {
    /// Joins each row with the row of another table that it names.
    ///
    /// - Parameters:
    ///   - isLeft: whether rows without a right row have a result.
    ///   - foreignKey: makes the right row's key; nil for none.
    ///   - join: makes the result; nil for none.
    @inlinable
    func joinedByForeignKey<RightKey, Row, Joined>(
        with right: KTable<RightKey, Row>,
        isLeft: Bool,
        foreignKey: @escaping @Sendable (Key, Value) throws -> RightKey?,
        partitioner: StreamPartitioner<RightKey, Void>?,
        values joinedValues: Serde<Joined>?,
        store: StoreOptions?,
        named name: String?,
        _ join: @escaping @Sendable (Value, Row?) throws -> Joined?
    ) -> KTable<Key, Joined> {
        let operation = isLeft ? "foreignKeyLeftJoin" : "foreignKeyJoin"
        let base = "\(assembly.graph.nodes[node].nameBase)-\(operation)"
        let joinName = name ?? assembly.graph.unusedName(base)
        let subscriptions = topic("subscription", operation, of: name)
        let answers = topic("response", operation, of: name)
        let leftKeys = assembly.require(keys, "keys", for: node)
        let leftValues = assembly.require(values, "values", for: node)
        let rightKeys = assembly.require(right.keys, "keys", for: right.node)
        let rightValues = assembly.require(right.values, "values", for: right.node)
        let subscribing = ForeignKeySubscribing(
            topic: subscriptions,
            name: assembly.graph.unusedName("\(joinName)-subscribe"),
            isLeft: isLeft,
            keys: leftKeys,
            values: leftValues,
            rightKeys: rightKeys,
            foreignKey: foreignKey,
            partitioner: partitioner
        )
        subscribe(subscribing)
        right.answerSubscriptions(
            of: joinName,
            isNamed: name != nil,
            from: subscriptions,
            to: answers,
            keys: rightKeys,
            values: rightValues,
            leftKeyFormat: leftKeys.format
        )
        let formats = (leftKeys.format, rightKeys.format, rightValues.format)
        assembly.graph.setFormat(
            of: subscriptions,
            TopicFormat(keys: formats.1, values: "subscription of \(formats.0)")
        )
        assembly.graph.setFormat(of: answers, TopicFormat(keys: formats.0, values: "answer with \(formats.2)"))
        assembly.graph.setPartitions(of: subscriptions, like: right.node)
        assembly.graph.setPartitions(of: answers, like: node)
        return joinAnswers(
            of: joinName,
            from: answers,
            keys: leftKeys,
            values: leftValues,
            rightValues,
            foreignKey: foreignKey,
            join
        )
        .materialized(operation: operation, keys: leftKeys, values: joinedValues, store: store, named: joinName)
    }

    /// One of the two topics of the join.
    @inlinable
    func topic(_ role: String, _ operation: String, of name: String?) -> TopicReference {
        let name =
            name.map { "\($0)-\(role)" }
            ?? assembly.graph.deriveRepartitionName(for: "\(operation)-\(role)", after: node)
        return .repartition(name, partitions: nil)
    }

    /// Tells the right table which left row names which right row.
    @inlinable
    func subscribe<RightKey>(_ subscribing: ForeignKeySubscribing<Key, Value, RightKey>) {
        let id = assembly.add("subscribe", named: subscribing.name, after: [node])
        _ = assembly.graph.add(.sink(subscribing.topic), name: "\(subscribing.name)-sink", after: [id])
        backing.requestOldValues(isForced: true)
        port.add { context in subscribing.compose(context) }
    }

    /// Keeps the subscriptions to this table's rows, and answers them: when they come, and whenever a row changes.
    @inlinable
    func answerSubscriptions(
        of joinName: String,
        isNamed: Bool,
        from subscriptions: TopicReference,
        to answers: TopicReference,
        keys: Serde<Key>,
        values: Serde<Value>,
        leftKeyFormat: String
    ) {
        let rows = backing.rows()
        let source = KStream(
            source: [subscriptions],
            named: assembly.graph.unusedName("\(joinName)-subscription"),
            in: assembly,
            keys: keys.optional,
            values: Subscription.serde
        )
        let answerId = assembly.add(
            "answer",
            named: assembly.graph.unusedName("\(joinName)-answer"),
            after: [source.node]
        )
        let definition = StoreDefinition(
            name: "\(joinName)-subscriptions",
            format: StoreFormat(.keyValue, keys: "\(keys.format) and \(leftKeyFormat)", values: "subscription"),
            isCached: false
        )
        assembly.graph.add(definition, usedBy: answerId, isNamed: isNamed)
        for store in rows.stores { assembly.graph.connect(answerId, to: store) }
        let answerName = assembly.name(of: answerId)
        source.port.add { context in
            let state = context.store(named: definition.name) { SubscriptionState(definition, in: context) }
            let sender = AnswerSender(answerName, to: context.output(to: answers), in: context)
            let lookup = rows.compose(context)
            lookup.willAnswer()
            let guarded = context.guarded(answerName)
            let record = context.record
            return Out { key, subscription, timestamp in
                let keyBytes = key == nil ? nil : record.pointee.key
                let answer = try guarded.attempt { () throws -> (hasRow: Bool, timestampMs: Int64)? in
                    if let keyBytes { try state.apply(subscription, to: keyBytes, timestamp) }
                    let row = try key.flatMap { try lookup.latest($0) }
                    switch subscription.instruction {
                    case .unsubscribe: return nil
                    case .subscribeAndAnswerMatch: if row == nil { return nil }
                    case .unsubscribeAndAnswer, .subscribe: break
                    }
                    var hasRow = false
                    if let row, subscription.instruction != .unsubscribeAndAnswer {
                        hasRow = try values.write(row.value, &sender.beginRow().pointee)
                    }
                    return (hasRow, max(timestamp, row?.timestampMs ?? timestamp))
                }
                guard case .some(.some(let answer)) = answer else { return }
                try sender.send(
                    to: subscription.key,
                    in: subscription.partition,
                    subscription.hash,
                    hasRow: answer.hasRow,
                    answer.timestampMs
                )
            }
        }

        let notifyId = assembly.add(
            "notify",
            named: assembly.graph.unusedName("\(joinName)-notify"),
            after: [node]
        )
        assembly.graph.connect(notifyId, to: definition.name)
        let notifyName = assembly.name(of: notifyId)
        port.add { context in
            let state = context.store(named: definition.name) { SubscriptionState(definition, in: context) }
            let sender = AnswerSender(notifyName, to: context.output(to: answers), in: context)
            let guarded = context.guarded(notifyName)
            return Out { key, change, timestamp in
                guard change.isLatest else { return }
                let encoded = try guarded.attempt { () throws -> Bool? in
                    guard try keys.write(key, &sender.beginKey().pointee) else { return nil }
                    return try change.new.map { try values.write($0, &sender.beginRow().pointee) } ?? false
                }
                guard case .some(.some(let hasRow)) = encoded else { return }
                try state.forEach(of: sender.key) { leftKey, hash, partition in
                    try sender.send(to: leftKey, in: partition, hash, hasRow: hasRow, timestamp)
                }
            }
        }
        _ = assembly.graph.add(
            .sink(answers),
            name: assembly.graph.unusedName("\(joinName)-response-sink"),
            after: [answerId, notifyId]
        )
    }

    /// Joins the left rows with the answers that came back to them.
    @inlinable
    func joinAnswers<RightKey, Row, Joined>(
        of joinName: String,
        from answers: TopicReference,
        keys: Serde<Key>,
        values: Serde<Value>,
        _ rightValues: Serde<Row>,
        foreignKey: @escaping @Sendable (Key, Value) throws -> RightKey?,
        _ join: @escaping @Sendable (Value, Row?) throws -> Joined?
    ) -> KStream<Key?, Joined?> {
        let rows = backing.rows()
        let source = KStream(
            source: [answers],
            named: assembly.graph.unusedName("\(joinName)-response"),
            in: assembly,
            keys: keys,
            values: SubscriptionAnswer.serde
        )
        let result: KStream<Key?, Joined?> = source.changed(
            "respond",
            assembly.graph.unusedName("\(joinName)-respond"),
            keys: keys.optional,
            values: nil,
            isRekeyed: false
        )
        for store in rows.stores { assembly.graph.connect(result.node, to: store) }
        let target = result.port
        let operatorName = result.name
        source.port.add { context in
            let next = target.compose(context)
            let lookup = rows.compose(context)
            let guarded = context.guarded(operatorName)
            let scratch = Scratch()
            return Out { key, answer, timestamp in
                let result = try guarded.attempt { () throws -> Joined?? in
                    var row = try lookup.latest(key)
                    // A row whose foreign key cannot be made counts as no row, here as where it subscribes.
                    if let value = row?.value {
                        do { _ = try foreignKey(key, value) } catch { row = nil }
                    }
                    var hash: Hash128?
                    if let row {
                        let writer = scratch.value
                        writer.pointee.removeAll()
                        if try values.write(row.value, &writer.pointee) { hash = Hashes.murmur3(writer.pointee.bytes) }
                        withExtendedLifetime(scratch) {}
                    }
                    // The left row has changed since it asked, and has asked again.
                    guard hash == answer.hash else { return nil }
                    guard let row else { return .some(nil) }
                    return .some(try join(row.value, try answer.row.map { try rightValues.read($0) }))
                }
                guard case .some(.some(let joined)) = result else { return }
                try next.push(key, joined, timestamp)
            }
        }
        return result
    }
}

/// The first operator of a foreign-key join: what it needs to make subscriptions of the changes of left rows.
@usableFromInline
struct ForeignKeySubscribing<Key, Value, RightKey>: Sendable {
    @usableFromInline let topic: TopicReference
    @usableFromInline let name: String
    @usableFromInline let isLeft: Bool
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let values: Serde<Value>
    @usableFromInline let rightKeys: Serde<RightKey>
    @usableFromInline let foreignKey: @Sendable (Key, Value) throws -> RightKey?
    @usableFromInline let partitioner: StreamPartitioner<RightKey, Void>?

    @inlinable
    init(
        topic: TopicReference,
        name: String,
        isLeft: Bool,
        keys: Serde<Key>,
        values: Serde<Value>,
        rightKeys: Serde<RightKey>,
        foreignKey: @escaping @Sendable (Key, Value) throws -> RightKey?,
        partitioner: StreamPartitioner<RightKey, Void>?
    ) {
        self.topic = topic
        self.name = name
        self.isLeft = isLeft
        self.keys = keys
        self.values = values
        self.rightKeys = rightKeys
        self.foreignKey = foreignKey
        self.partitioner = partitioner
    }

    /// What a left row is to the join.
    @usableFromInline
    struct Row {
        @usableFromInline let foreignKey: RightKey?

        @inlinable
        init(_ foreignKey: RightKey?) {
            self.foreignKey = foreignKey
        }
    }

    @inlinable
    func compose(_ context: TaskContext) -> Out<Key, Change<Value>> {
        let sender = SubscriptionSender(name, to: context.output(to: topic), in: context)
        let guarded = context.guarded(name)
        let (keys, values, rightKeys) = (keys, values, rightKeys)
        let (foreignKey, isLeft) = (foreignKey, isLeft)
        return Out { key, change, timestamp in
            guard change.isLatest else { return }
            // A row whose foreign key cannot be made counts as no row: the policy decides when it is new.
            let newRow = try guarded.attempt { try change.new.map { Row(try foreignKey(key, $0)) } } ?? nil
            var oldRow: Row?
            do { oldRow = try change.old.map { Row(try foreignKey(key, $0)) } } catch {}
            let (new, old) = (newRow?.foreignKey, oldRow?.foreignKey)
            let former = sender.foreignKeys.key
            let current = sender.foreignKeys.value
            // All that may fail comes first: the right rows are told of the change, or nothing is.
            let prepared = try guarded.attempt { () throws -> Prepared? in
                sender.begin()
                guard try keys.write(key, &sender.row.key.pointee) else { return nil }
                let hasOld = try old.map { try rightKeys.write($0, &former.pointee) } ?? false
                let hasNew = try new.map { try rightKeys.write($0, &current.pointee) } ?? false
                var hash: Hash128?
                if newRow != nil, let value = change.new, try values.write(value, &sender.row.value.pointee) {
                    hash = Hashes.murmur3(sender.row.value.pointee.bytes)
                }
                return Prepared(
                    plan: sender.plan(
                        isLeft: isLeft,
                        hasOldRow: oldRow != nil,
                        hasOldKey: hasOld,
                        hasNewRow: newRow != nil,
                        hasNewKey: hasNew
                    ),
                    hash: hash,
                    hasNewKey: hasNew,
                    formerPartition: try partition(old, timestamp, sender),
                    currentPartition: try partition(hasNew ? new : nil, timestamp, sender)
                )
            }
            guard case .some(.some(let prepared)) = prepared else { return }
            let hash = prepared.hash
            if let instruction = prepared.plan.former {
                try sender.send(instruction, hash, to: former.pointee.bytes, in: prepared.formerPartition, timestamp)
            }
            if let instruction = prepared.plan.current {
                let target = prepared.hasNewKey ? current.pointee.bytes : nil
                try sender.send(instruction, hash, to: target, in: prepared.currentPartition, timestamp)
            }
        }
    }

    /// What the right table is to be told of a change, beside the keys in the sender's scratch.
    @usableFromInline
    struct Prepared {
        @usableFromInline let plan: SubscriptionPlan
        @usableFromInline let hash: Hash128?
        @usableFromInline let hasNewKey: Bool
        @usableFromInline let formerPartition: Int32?
        @usableFromInline let currentPartition: Int32?

        @usableFromInline
        init(
            plan: SubscriptionPlan,
            hash: Hash128?,
            hasNewKey: Bool,
            formerPartition: Int32?,
            currentPartition: Int32?
        ) {
            self.plan = plan
            self.hash = hash
            self.hasNewKey = hasNewKey
            self.formerPartition = formerPartition
            self.currentPartition = currentPartition
        }
    }

    /// Where a right row is; nil for the partition of its key.
    @inlinable
    func partition(_ key: RightKey?, _ timestamp: Int64, _ sender: SubscriptionSender) throws -> Int32? {
        guard let partitioner, let key else { return nil }
        return try sender.partition(of: key, timestamp, by: partitioner)
    }
}
