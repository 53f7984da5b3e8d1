import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Joins two streams: each record with those of the other stream that have the same key and are near enough in time.
    ///
    ///     orders.join(payments, within: JoinWindows(difference: .seconds(300), grace: .seconds(60))) { order, payment in
    ///         PaidOrder(order, payment)
    ///     }
    ///
    /// Both topics must have equally many partitions, and keys spread over them alike; a stream whose key may have
    /// changed goes through a repartition topic. A joined record has the later timestamp of the two, and the headers of
    /// the one that came last. Records without a key or value are left out.
    ///
    /// A record that is too late to be kept, because those of its own stream are further on than windows and grace (or the
    /// retention) reach, joins what is there of the other, and none that comes after it: it is counted as late, and handed
    /// to `lateRecords`.
    ///
    /// - Parameters:
    ///   - other: the right stream; may be this one.
    ///   - windows: how far apart two records may be.
    ///   - keys: how keys are stored; may be left out if one of the streams has them as they were read.
    ///   - values: how the values of this stream are stored; likewise.
    ///   - otherValues: how the values of the other stream are stored; likewise.
    ///   - options: how the records are kept.
    ///   - name: the operator's name.
    ///   - lateRecords: takes the stream of this stream's records that come too late, while the topology is built.
    ///   - otherLateRecords: likewise for the other stream.
    ///   - join: makes a value of two.
    @inlinable
    public func join<Other, Joined>(
        _ other: KStream<Key, Other>,
        within windows: JoinWindows,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        otherValues: Serde<Other>? = nil,
        store options: JoinOptions = JoinOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        otherLateRecords: ((KStream<Key, Other>) -> Void)? = nil,
        _ join: @escaping @Sendable (Value, Other) throws -> Joined
    ) -> KStream<Key, Joined> {
        joined(
            with: other,
            "join",
            windows,
            JoinSerdes(keys: keys, left: values, right: otherValues),
            options,
            name,
            StreamJoiner(pair: { _, left, right in try join(left, right) }),
            LateJoinRecords(lateRecords, otherLateRecords)
        )
    }

    /// The same with a function that also gets the key.
    @inlinable
    public func join<Other, Joined>(
        _ other: KStream<Key, Other>,
        within windows: JoinWindows,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        otherValues: Serde<Other>? = nil,
        store options: JoinOptions = JoinOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        otherLateRecords: ((KStream<Key, Other>) -> Void)? = nil,
        _ join: @escaping @Sendable (Key, Value, Other) throws -> Joined
    ) -> KStream<Key, Joined> {
        joined(
            with: other,
            "join",
            windows,
            JoinSerdes(keys: keys, left: values, right: otherValues),
            options,
            name,
            StreamJoiner(pair: join),
            LateJoinRecords(lateRecords, otherLateRecords)
        )
    }

    /// Joins two streams, and keeps the records of this one that find no partner: `join` then gets nil for the right
    /// value, once their window has closed.
    ///
    /// That a window has closed is noticed when a later record comes, of either stream, at most once in the
    /// application's `emitInterval`. A record without a key has no partner and leaves at once.
    @inlinable
    public func leftJoin<Other, Joined>(
        _ other: KStream<Key, Other>,
        within windows: JoinWindows,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        otherValues: Serde<Other>? = nil,
        store options: JoinOptions = JoinOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        otherLateRecords: ((KStream<Key, Other>) -> Void)? = nil,
        _ join: @escaping @Sendable (Value, Other?) throws -> Joined
    ) -> KStream<Key, Joined> {
        leftJoin(
            other,
            within: windows,
            keys: keys,
            values: values,
            otherValues: otherValues,
            store: options,
            named: name,
            lateRecords: lateRecords,
            otherLateRecords: otherLateRecords
        ) { _, left, right in try join(left, right) }
    }

    /// The same with a function that also gets the key.
    @inlinable
    public func leftJoin<Other, Joined>(
        _ other: KStream<Key, Other>,
        within windows: JoinWindows,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        otherValues: Serde<Other>? = nil,
        store options: JoinOptions = JoinOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        otherLateRecords: ((KStream<Key, Other>) -> Void)? = nil,
        _ join: @escaping @Sendable (Key, Value, Other?) throws -> Joined
    ) -> KStream<Key, Joined> {
        joined(
            with: other,
            "leftJoin",
            windows,
            JoinSerdes(keys: keys, left: values, right: otherValues),
            options,
            name,
            StreamJoiner(pair: join, leftAlone: .init { key, left in try join(key, left, nil) }),
            LateJoinRecords(lateRecords, otherLateRecords)
        )
    }

    /// Joins two streams, and keeps the records of both that find no partner: `join` then gets nil for the other's value,
    /// once their window has closed. When that is noticed, `leftJoin` says.
    @inlinable
    public func outerJoin<Other, Joined>(
        _ other: KStream<Key, Other>,
        within windows: JoinWindows,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        otherValues: Serde<Other>? = nil,
        store options: JoinOptions = JoinOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        otherLateRecords: ((KStream<Key, Other>) -> Void)? = nil,
        _ join: @escaping @Sendable (Value?, Other?) throws -> Joined
    ) -> KStream<Key, Joined> {
        outerJoin(
            other,
            within: windows,
            keys: keys,
            values: values,
            otherValues: otherValues,
            store: options,
            named: name,
            lateRecords: lateRecords,
            otherLateRecords: otherLateRecords
        ) { _, left, right in try join(left, right) }
    }

    /// The same with a function that also gets the key.
    @inlinable
    public func outerJoin<Other, Joined>(
        _ other: KStream<Key, Other>,
        within windows: JoinWindows,
        keys: Serde<Key>? = nil,
        values: Serde<Value>? = nil,
        otherValues: Serde<Other>? = nil,
        store options: JoinOptions = JoinOptions(),
        named name: String? = nil,
        lateRecords: ((KStream<Key, Value>) -> Void)? = nil,
        otherLateRecords: ((KStream<Key, Other>) -> Void)? = nil,
        _ join: @escaping @Sendable (Key, Value?, Other?) throws -> Joined
    ) -> KStream<Key, Joined> {
        joined(
            with: other,
            "outerJoin",
            windows,
            JoinSerdes(keys: keys, left: values, right: otherValues),
            options,
            name,
            StreamJoiner(
                pair: join,
                leftAlone: .init { key, left in try join(key, left, nil) },
                rightAlone: .init { key, right in try join(key, nil, right) }
            ),
            LateJoinRecords(lateRecords, otherLateRecords)
        )
    }
}

/// How the two streams of a join are stored, as far as it was said.
@usableFromInline
struct JoinSerdes<Key, Left, Right> {
    @usableFromInline let keys: Serde<Key>?
    @usableFromInline let left: Serde<Left>?
    @usableFromInline let right: Serde<Right>?

    @inlinable
    init(keys: Serde<Key>?, left: Serde<Left>?, right: Serde<Right>?) {
        self.keys = keys
        self.left = left
        self.right = right
    }
}
