import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// Composes the code of a join for a task: one closure for each side, which share the task's `StreamJoinState`.
@usableFromInline
struct StreamJoinCode<Key, Left, Right, Joined>: Sendable {
    @usableFromInline let definition: StreamJoinDefinition
    @usableFromInline let keys: Serde<Key>
    @usableFromInline let left: Serde<Left>
    @usableFromInline let right: Serde<Right>
    @usableFromInline let joiner: StreamJoiner<Key, Left, Right, Joined>
    @usableFromInline let target: Port<Key, Joined>
    @usableFromInline let lateLeft: Port<Key, Left>?
    @usableFromInline let lateRight: Port<Key, Right>?
    @usableFromInline let identity = JoinIdentity()

    @inlinable
    init(
        definition: StreamJoinDefinition,
        keys: Serde<Key>,
        left: Serde<Left>,
        right: Serde<Right>,
        joiner: StreamJoiner<Key, Left, Right, Joined>,
        target: Port<Key, Joined>,
        lateLeft: Port<Key, Left>?,
        lateRight: Port<Key, Right>?
    ) {
        self.definition = definition
        self.keys = keys
        self.left = left
        self.right = right
        self.joiner = joiner
        self.target = target
        self.lateLeft = lateLeft
        self.lateRight = lateRight
    }

    @inlinable
    func composeLeft(_ context: TaskContext) -> Out<Key, Left> {
        let pair = joiner.pair
        return side(
            .left,
            context,
            values: left,
            otherValues: right,
            late: lateLeft,
            alone: joiner.leftAlone.map { alone in Alone { try alone.make($0, $1) } },
            pair: { key, this, other in try pair(key, this, other) }
        )
    }

    @inlinable
    func composeRight(_ context: TaskContext) -> Out<Key, Right> {
        let pair = joiner.pair
        return side(
            .right,
            context,
            values: right,
            otherValues: left,
            late: lateRight,
            alone: joiner.rightAlone.map { alone in Alone { try alone.make($0, $1) } },
            pair: { key, this, other in try pair(key, other, this) }
        )
    }

    /// What a side's record without a partner becomes; in a struct, so that it is wrapped in no further thunk.
    @usableFromInline
    struct Alone<Value> {
        @usableFromInline let make: (Key, Value) throws -> Joined

        @inlinable
        init(_ make: @escaping (Key, Value) throws -> Joined) {
            self.make = make
        }
    }

    /// The task's memory of the join, made with the first side that is composed.
    @inlinable
    func state(_ context: TaskContext) -> StreamJoinState {
        context.composeOnce(identity) {
            let next = target.compose(context)
            let guarded = context.guarded(definition.name)
            let (keys, left, right, joiner) = (keys, left, right, joiner)
            return StreamJoinState(
                definition,
                in: context,
                emission: UnmatchedEmission { side, key, value, timeMs in
                    let made = try guarded.attempt { () throws -> (key: Key, joined: Joined)? in
                        let key = try keys.read(key)
                        switch side {
                        case .left:
                            guard let alone = joiner.leftAlone else { return nil }
                            return (key, try alone.make(key, try left.read(value)))
                        case .right:
                            guard let alone = joiner.rightAlone else { return nil }
                            return (key, try alone.make(key, try right.read(value)))
                        }
                    }
                    guard case .some(.some(let made)) = made else { return }
                    try next.push(made.key, made.joined, timeMs)
                }
            )
        }
    }

    /// The code of one side.
    @inlinable
    func side<This, Other>(
        _ side: JoinSide,
        _ context: TaskContext,
        values: Serde<This>,
        otherValues: Serde<Other>,
        late: Port<Key, This>?,
        alone: Alone<This>?,
        pair: @escaping (Key, This, Other) throws -> Joined
    ) -> Out<Key, This> {
        let next = target.compose(context)
        let late = LateRecords(late, in: context)
        let state = state(context)
        let guarded = context.guarded(definition.name)
        let keys = keys
        let scratch = Scratch()
        return Out { key, value, timestamp in
            state.observe(timestamp)
            let keyWriter = scratch.key
            let valueWriter = scratch.value
            let encoded = try guarded.attempt { () throws -> Bool? in
                keyWriter.pointee.removeAll()
                valueWriter.pointee.removeAll()
                guard try values.write(value, &valueWriter.pointee) else { return nil }
                guard try keys.write(key, &keyWriter.pointee) else { return false }
                try state.store(side).check(keyCount: keyWriter.pointee.count, valueCount: valueWriter.pointee.count)
                return true
            }
            guard case .some(.some(let hasKey)) = encoded else { return }
            guard hasKey else {
                guard let alone, let made = try guarded.attempt({ try alone.make(key, value) }) else { return }
                return try next.push(key, made, timestamp)
            }
            let keyBytes = keyWriter.pointee.bytes
            let valueBytes = valueWriter.pointee.bytes
            try state.emitClosed(side, timeMs: timestamp)
            var hasPartner = false
            try state.forEachPartner(of: keyBytes, timestamp, on: side) { otherTime, bytes in
                // Two records at which the function fails are no pair: either may have, or be left without, another partner.
                guard let made = try guarded.attempt({ try pair(key, value, try otherValues.read(bytes)) }) else {
                    return
                }
                hasPartner = true
                try state.didMatch(side.other, otherTime, key: keyBytes)
                try next.push(key, made, max(timestamp, otherTime))
            }
            if !hasPartner, let alone {
                let made = try guarded.attempt { () throws -> Joined? in
                    let isKept = try state.keepUnmatched(side, timestamp, key: keyBytes, value: valueBytes)
                    return isKept ? nil : try alone.make(key, value)
                }
                if case .some(.some(let made)) = made { try next.push(key, made, timestamp) }
            }
            let isKept = try state.store(side).put(keyBytes, timeMs: timestamp, valueBytes)
            if !isKept { try late.take(key, value, timestamp) }
            withExtendedLifetime(scratch) {}
        }
    }
}

extension StreamJoinCode where Left == Right {
    /// The code of a stream that is joined with itself: each record first as a left one with those before it, then as a
    /// right one with those before it and itself, out of one store.
    @inlinable
    func composeSelf(_ context: TaskContext) -> Out<Key, Left> {
        let next = target.compose(context)
        let late = LateRecords(lateLeft, in: context)
        let state = state(context)
        let guarded = context.guarded(definition.name)
        let keys = keys
        let values = left
        let pair = joiner.pair
        let scratch = Scratch()
        return Out { key, value, timestamp in
            let keyWriter = scratch.key
            let valueWriter = scratch.value
            let isWhole = try guarded.attempt {
                keyWriter.pointee.removeAll()
                valueWriter.pointee.removeAll()
                guard try values.write(value, &valueWriter.pointee), try keys.write(key, &keyWriter.pointee) else {
                    return false
                }
                try state.left.check(keyCount: keyWriter.pointee.count, valueCount: valueWriter.pointee.count)
                return true
            }
            guard isWhole == true else { return }
            let keyBytes = keyWriter.pointee.bytes
            func pass(_ side: JoinSide) throws {
                try state.forEachPartner(of: keyBytes, timestamp, on: side) { otherTime, bytes in
                    let made = try guarded.attempt {
                        let other = try values.read(bytes)
                        return side == .left ? try pair(key, value, other) : try pair(key, other, value)
                    }
                    if let made { try next.push(key, made, max(timestamp, otherTime)) }
                }
            }
            try pass(.left)
            let isKept = try state.left.put(keyBytes, timeMs: timestamp, valueWriter.pointee.bytes)
            try pass(.right)
            if !isKept { try late.take(key, value, timestamp) }
            withExtendedLifetime(scratch) {}
        }
    }
}
