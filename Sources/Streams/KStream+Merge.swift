import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Puts the records of two streams into one. Records of one partition keep their order; between the two streams
    /// the earlier timestamp comes first as far as both are there.
    @inlinable
    public func merge(_ other: KStream<Key, Value>, named name: String? = nil) -> KStream<Key, Value> {
        merge([other], named: name)
    }

    /// Puts the records of this stream and any number of others into one.
    @inlinable
    public func merge(_ others: [KStream<Key, Value>], named name: String? = nil) -> KStream<Key, Value> {
        let all = [self] + others
        let result = KStream(
            assembly: assembly,
            node: assembly.add("merge", named: name, after: all.map(\.node)),
            keys: all.lazy.compactMap(\.keys).first,
            values: all.lazy.compactMap(\.values).first,
            isRekeyed: all.contains(where: \.isRekeyed)
        )
        let target = result.port
        for stream in all { stream.port.add { context in target.compose(context) } }
        return result
    }
}
