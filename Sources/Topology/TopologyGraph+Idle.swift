extension TopologyGraph {
    /// Pauses are added to and subtracted from times.
    private static let longestPauseMs: Int64 = 1 << 50

    /// Lets a source be idle when no record came for a while.
    public mutating func setIdle(_ source: NodeId, afterMs pauseMs: Int64) {
        idlePausesMs[source] = min(pauseMs, Self.longestPauseMs)
        if pauseMs <= 0 { report(.invalidIdlePause(operator: nodes[source].name)) }
    }

    /// After how long without records a source is idle, in milliseconds; nil if it never is. The source behind a
    /// repartition topic inherits the longest pause of the sources before that topic.
    public func idlePauseMs(of source: NodeId) -> Int64? {
        var pauses: [Int64] = []
        var pending = [source]
        var seen: Set<NodeId> = []
        while let id = pending.popLast() {
            guard seen.insert(id).inserted else { continue }
            if let pause = idlePausesMs[id] { pauses.append(pause) }
            guard case .source(let topics) = nodes[id].kind else { continue }
            for node in nodes {
                guard case .sink(let topic) = node.kind, topic.isInternal,
                    topics.contains(where: { $0.name == topic.name })
                else { continue }
                pending += sources(upstreamOf: node.id)
            }
        }
        return pauses.max()
    }
}
