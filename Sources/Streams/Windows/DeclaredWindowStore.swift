import MillracePrimitives
import MillraceStreamsRuntime
import MillraceTopology

/// The window or session store of an aggregation while its topology is built.
@usableFromInline
final class DeclaredWindowStore<Key, Value>: @unchecked Sendable {
    // Sendable because only the thread that builds the topology changes it, before `build()`; then it is only read.
    @usableFromInline let definition: StoreDefinition
    /// The operator that writes to the store.
    @usableFromInline let operatorName: String
    /// The size of its windows; nil for sessions, which have their ends with them.
    @usableFromInline let windowSizeMs: Int64?
    @usableFromInline let retentionMs: Int64
    @usableFromInline let emits: EmitStrategy
    /// Whether updates carry old values; read when a task is composed.
    @usableFromInline private(set) var sendsOldValues = false

    /// Declares the store, and reports what is wrong with its retention.
    @usableFromInline
    init(
        of node: TopologyGraph.NodeId,
        in assembly: TopologyAssembly,
        keys: Serde<Key>,
        values: Serde<Value>,
        options: StoreOptions,
        windowSizeMs: Int64?,
        retentionMinimumMs: Int64,
        retentionDefaultMs: Int64,
        emits: EmitStrategy
    ) {
        operatorName = assembly.name(of: node)
        let asked = options.retention?.wholeMilliseconds
        if let asked, asked < retentionMinimumMs {
            assembly.graph.report(
                .retentionTooShort(
                    operator: assembly.name(of: node),
                    retentionMs: asked,
                    minimumMs: retentionMinimumMs
                )
            )
        }
        self.windowSizeMs = windowSizeMs
        self.emits = emits
        retentionMs = max(0, asked ?? retentionDefaultMs)
        var options = options
        options.changelogConfiguration = WindowChangelog.configuration(options.changelogConfiguration)
        if let problem = options.problem(without: [.historyRetention, .timeToLive]) {
            assembly.graph.report(
                .invalidStore(
                    operator: assembly.name(of: node),
                    store: options.name ?? assembly.graph.storeName(for: node),
                    problem: problem
                )
            )
        }
        // What is passed on once needs no cache to be passed on less often.
        if emits == .onWindowClose { options.isCached = false }
        definition = assembly.addStore(
            options,
            format: StoreFormat(
                windowSizeMs == nil ? .session : .window,
                keys: keys.format,
                values: values.format,
                sizes: windowSizeMs.map { ["windowSizeMs": $0] } ?? [:],
                retentionMs: retentionMs
            ),
            usedBy: node
        )
    }

    @usableFromInline var sizeMs: Int64 { windowSizeMs ?? 0 }

    @usableFromInline
    func sendOldValues() -> Bool {
        // A window that is passed on once was not there before.
        if emits == .onWindowUpdate { sendsOldValues = true }
        return true
    }

    /// The task's instance of a store for windows.
    @inlinable
    func windows(in context: TaskContext, keys: Serde<Key>, values: Serde<Value>) -> WindowState<Key, Value> {
        context.store(named: definition.name) { WindowState(self, in: context, keys: keys, values: values) }
    }

    /// The task's instance of a store for sessions.
    @inlinable
    func sessions(in context: TaskContext, keys: Serde<Key>, values: Serde<Value>) -> SessionState<Key, Value> {
        context.store(named: definition.name) { SessionState(self, in: context, keys: keys, values: values) }
    }
}
