import MillraceLogClient
import MillraceTopology

/// A checked topology: what `StreamsBuilder.build()` gives and `StreamsApplication` runs.
///
/// A value that can be used for any number of applications; each task composes its own code from it.
public struct Topology: Sendable {
    /// The operators, for naming and describing.
    public let graph: TopologyGraph

    /// The code behind each source: it begins a chain of closures down to the sinks.
    let sources: [TopologyGraph.NodeId: SourceCode]

    /// Checks a graph and puts its code beside it; throws all mistakes at once.
    package init(graph: TopologyGraph, sources: [TopologyGraph.NodeId: SourceCode]) throws(TopologyError) {
        let mistakes = graph.check()
        guard mistakes.isEmpty else { throw TopologyError(mistakes) }
        self.graph = graph
        self.sources = sources
    }

    /// The topology in words, in the layout of Kafka Streams' `Topology#describe`.
    public func describe() -> String { graph.describe() }
}

/// Composes the code that begins at a source, once for each task.
public struct SourceCode: Sendable {
    let makeDriver: @Sendable (TaskContext) -> SourceDriver
    /// Where the source begins without a committed position; nil for the application's setting.
    let offsetReset: OffsetReset?

    /// Wraps the function that composes.
    public init(
        offsetReset: OffsetReset? = nil,
        _ makeDriver: @escaping @Sendable (TaskContext) -> SourceDriver
    ) {
        self.offsetReset = offsetReset
        self.makeDriver = makeDriver
    }
}
