import MillracePrimitives
import MillraceStreamsRuntime

extension KTable {
    /// Groups the rows by a key made from each, to be aggregated. The updates go through a repartition topic: what a row was
    /// before is taken from its group, what it is now is added to its group.
    ///
    /// The rows before each update are needed for that, so that the table is given a store if none is before it.
    ///
    /// - Parameters:
    ///   - newKeys: how the groups' keys are written.
    ///   - newValues: how the values are written to the repartition topic.
    ///   - name: the name of the grouping, which the repartition topic is named after.
    ///   - selector: makes a row's group and its value there; nil leaves the row out, and so does an error where the policy
    ///     goes on. The same for the same row each time, or what was added is not what is taken away.
    @inlinable
    public func groupBy<NewKey, NewValue>(
        keys newKeys: Serde<NewKey>,
        values newValues: Serde<NewValue>,
        named name: String? = nil,
        _ selector: @escaping @Sendable (Key, Value) throws -> (NewKey, NewValue)?
    ) -> KGroupedTable<NewKey, NewValue> {
        backing.requestOldValues(isForced: true)
        let grouped = KStream<NewKey, Change<NewValue>>(
            assembly: assembly,
            node: assembly.add("groupBy", named: nil, after: [node]),
            keys: newKeys,
            values: newValues.changes,
            isRekeyed: true
        )
        let target = grouped.port
        let operatorName = assembly.name(of: grouped.node)
        let isAbsent = (key: Absence.check(NewKey.self), value: Absence.check(NewValue.self))
        port.add { context in
            let next = target.compose(context)
            let guarded = context.guarded(operatorName)
            let scratch = Scratch()
            let select = {
                (key: Key, value: Value?, bytes: UnsafeMutablePointer<ByteWriter>) throws -> (NewKey, NewValue)? in
                guard let value, let pair = try selector(key, value) else { return nil }
                if isAbsent.key.needed, isAbsent.key.test(pair.0) { return nil }
                if isAbsent.value.needed, isAbsent.value.test(pair.1) { return nil }
                bytes.pointee.removeAll()
                return try newKeys.write(pair.0, &bytes.pointee) ? pair : nil
            }
            return Out { key, change, timestamp in
                // The group has the latest row only, whatever becomes known of the past (KIP-914).
                guard change.isLatest else { return }
                let (newBytes, oldBytes) = (scratch.key, scratch.value)
                let new = try guarded.attempt { try select(key, change.new, newBytes) } ?? nil
                // A row at which the function fails was in no group: the policy decided when it was new.
                var old: (NewKey, NewValue)?
                do { old = try select(key, change.old, oldBytes) } catch {}
                if let new, let old, newBytes.pointee.bytes.elementsEqual(oldBytes.pointee.bytes) {
                    return try next.push(new.0, Change(new: new.1, old: old.1), timestamp)
                }
                if let old { try next.push(old.0, Change(new: nil, old: old.1), timestamp) }
                if let new { try next.push(new.0, Change(new: new.1, old: nil), timestamp) }
            }
        }
        return KGroupedTable(updates: grouped, keys: newKeys, values: newValues, name: name)
    }
}
