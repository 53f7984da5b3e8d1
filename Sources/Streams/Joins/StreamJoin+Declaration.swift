import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

extension KStream {
    /// Adds a join to the topology, and its code to the ports of both streams.
    @inlinable
    func joined<Other, Joined>(
        with other: KStream<Key, Other>,
        _ operation: String,
        _ windows: JoinWindows,
        _ serdes: JoinSerdes<Key, Value, Other>,
        _ options: JoinOptions,
        _ name: String?,
        _ joiner: StreamJoiner<Key, Value, Other, Joined>,
        _ late: LateJoinRecords<Key, Value, Other>
    ) -> KStream<Key, Joined> {
        let keys = assembly.require(serdes.keys ?? self.keys ?? other.keys, "keys", for: node)
        let leftValues = assembly.require(serdes.left ?? values, "values", for: node)
        let rightValues = assembly.require(serdes.right ?? other.values, "values", for: other.node)
        let isOneStream = ObjectIdentifier(port) == ObjectIdentifier(other.port)
        let left = ready(forJoin: name, "\(operation)-left", keys, leftValues, dropsNullKeys: !joiner.keepsUnmatched)
        let right: KStream<Key, Other>
        if isOneStream, let same = left as? KStream<Key, Other> {
            right = same
        } else {
            right = other.ready(
                forJoin: name,
                "\(operation)-right",
                keys,
                rightValues,
                dropsNullKeys: !joiner.keepsUnmatched
            )
        }
        let isSelfJoin = isOneStream && !joiner.keepsUnmatched
        let parents = isOneStream ? [left.node] : [left.node, right.node]
        let id = assembly.add(operation, named: name, after: parents)
        let definition = assembly.declareJoin(
            id,
            windows,
            options,
            JoinFormats(keys: keys.format, left: leftValues.format, right: rightValues.format),
            isSelfJoin: isSelfJoin,
            keepsUnmatched: joiner.keepsUnmatched
        )
        assembly.graph.requireCopartitioning(of: parents, for: id)
        let result = KStream<Key, Joined>(assembly: assembly, node: id, keys: keys, values: nil, isRekeyed: false)
        let code = StreamJoinCode(
            definition: definition,
            keys: keys,
            left: leftValues,
            right: rightValues,
            joiner: joiner,
            target: result.port,
            lateLeft: assembly.lateStream(of: left, at: id, late.left),
            lateRight: assembly.lateStream(of: right, at: id, late.right)
        )
        if isSelfJoin, let code = code as? StreamJoinCode<Key, Value, Value, Joined> {
            left.port.add { context in code.composeSelf(context) }
            return result
        }
        left.port.add { context in code.composeLeft(context) }
        right.port.add { context in code.composeRight(context) }
        return result
    }

    /// The stream with the records of one key in one partition.
    ///
    /// - Parameters:
    ///   - name: the name that the user gave to the join.
    ///   - side: what the repartition topic is needed for.
    ///   - dropsNullKeys: whether the join has no use for records without a key: those of either side move the time of a
    ///     left or outer join on.
    @inlinable
    func ready(
        forJoin name: String?,
        _ side: String,
        _ keys: Serde<Key>,
        _ values: Serde<Value>,
        dropsNullKeys: Bool
    ) -> KStream<Key, Value> {
        guard isRekeyed else { return self }
        let topic = name.map { "\($0)-\(side)" } ?? assembly.graph.deriveRepartitionName(for: side, after: node)
        return sentThrough(keys: keys, values: values, named: topic, dropsNullKeys: dropsNullKeys)
    }
}

extension TopologyAssembly {
    /// Adds the stores of a join, and reports what is wrong with its windows.
    @usableFromInline
    func declareJoin(
        _ id: TopologyGraph.NodeId,
        _ windows: JoinWindows,
        _ options: JoinOptions,
        _ formats: JoinFormats,
        isSelfJoin: Bool,
        keepsUnmatched: Bool
    ) -> StreamJoinDefinition {
        let name = name(of: id)
        let span = JoinSpan(windows)
        if let problem = windows.problem { graph.report(.invalidWindows(operator: name, problem: problem)) }
        var retentionMs = max(0, span.retentionMs)
        if let retention = options.retention {
            if retention.wholeMilliseconds < retentionMs {
                graph.report(
                    .invalidWindows(
                        operator: name,
                        problem: "records are kept for \(retention), and the windows with their grace need "
                            + "\(Duration.milliseconds(retentionMs))"
                    )
                )
            }
            retentionMs = max(retentionMs, min(retention.wholeMilliseconds, JoinSpan.maximumMs))
        }
        let chosen = options.changelogConfiguration
        func declare(_ role: String, _ format: StoreFormat, _ settings: [String: String]) -> StoreDefinition {
            let store = StoreDefinition(
                name: options.storeName.map { "\($0)-\(role)" } ?? graph.storeName(for: id, role: role),
                format: format,
                isLogged: options.isLogged,
                isCached: false,
                changelogConfiguration: settings,
                formerName: options.renamedFrom.map { "\($0)-\(role)" }
            )
            graph.add(store, usedBy: id, isNamed: options.storeName != nil)
            return store
        }
        func declareSide(_ role: String, values: String) -> StoreDefinition {
            declare(
                role,
                StoreFormat(.window, keys: formats.keys, values: values, retentionMs: retentionMs),
                WindowChangelog.configuration(chosen)
            )
        }
        let left = declareSide(isSelfJoin ? "records" : "left", values: formats.left)
        let right = isSelfJoin ? left : declareSide("right", values: formats.right)
        let unmatched = StoreFormat(
            .keyValue,
            keys: "time, side and \(formats.keys)",
            values: "lists of \(formats.left) and \(formats.right)"
        )
        graph.deriveNames(after: id, ofStore: options.storeName ?? graph.storeName(for: id))
        return StreamJoinDefinition(
            name: name,
            span: span,
            left: left,
            right: right,
            unmatched: keepsUnmatched ? declare("unmatched", unmatched, chosen) : nil,
            retentionMs: retentionMs
        )
    }
}

/// What takes the records of both sides that come too late for a join.
@usableFromInline
struct LateJoinRecords<Key, Left, Right> {
    @usableFromInline let left: ((KStream<Key, Left>) -> Void)?
    @usableFromInline let right: ((KStream<Key, Right>) -> Void)?

    @usableFromInline
    init(_ left: ((KStream<Key, Left>) -> Void)?, _ right: ((KStream<Key, Right>) -> Void)?) {
        self.left = left
        self.right = right
    }
}

/// The formats of what a join keeps, by the names of its serdes.
@usableFromInline
struct JoinFormats {
    let keys: String
    let left: String
    let right: String

    @usableFromInline
    init(keys: String, left: String, right: String) {
        self.keys = keys
        self.left = left
        self.right = right
    }
}
