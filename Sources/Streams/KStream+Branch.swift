import MillraceStreamsRuntime
import MillraceTopology

/// A split under way: each record goes to the first branch whose condition it meets.
public struct BranchedKStream<Key, Value> {
    @usableFromInline
    struct Branch {
        @usableFromInline let name: String
        @usableFromInline let stream: KStream<Key, Value>
        /// What the split gives under the branch's name; nil if nothing.
        @usableFromInline var result: KStream<Key, Value>?
        @usableFromInline let condition: @Sendable (Key, Value) throws -> Bool

        @inlinable
        init(
            name: String,
            stream: KStream<Key, Value>,
            result: KStream<Key, Value>?,
            condition: @escaping @Sendable (Key, Value) throws -> Bool
        ) {
            self.name = name
            self.stream = stream
            self.result = result
            self.condition = condition
        }
    }

    @usableFromInline let parent: KStream<Key, Value>
    @usableFromInline var branches: [Branch] = []

    @inlinable
    init(parent: KStream<Key, Value>) {
        self.parent = parent
    }

    /// Adds a branch for the records that meet a condition and none of an earlier branch.
    @inlinable
    public func branch(
        _ name: String,
        _ condition: @escaping @Sendable (Key, Value) throws -> Bool
    ) -> BranchedKStream<Key, Value> {
        var result = self
        let stream = stream(name)
        result.branches.append(Branch(name: name, stream: stream, result: stream, condition: condition))
        return result
    }

    /// Adds a branch, and puts what a function makes of its stream into the result under the branch's name. Kafka:
    /// `Branched.withFunction`.
    ///
    ///     orders.split()
    ///         .branch("large", { _, order in order.amount > 1_000 }, applying: { $0.mapValues(\.total) })
    @inlinable
    public func branch(
        _ name: String,
        _ condition: @escaping @Sendable (Key, Value) throws -> Bool,
        applying transform: (KStream<Key, Value>) -> KStream<Key, Value>
    ) -> BranchedKStream<Key, Value> {
        var result = branch(name, condition)
        result.apply(transform)
        return result
    }

    /// Adds a branch whose stream a function takes to its end; it is not in the result. Kafka: `Branched.withConsumer`.
    ///
    ///     orders.split()
    ///         .branch("large", { _, order in order.amount > 1_000 }, into: { $0.to("large-orders") })
    ///         .defaultBranch("other", into: { $0.to("other-orders") })
    @inlinable
    public func branch(
        _ name: String,
        _ condition: @escaping @Sendable (Key, Value) throws -> Bool,
        into consume: (KStream<Key, Value>) -> Void
    ) -> BranchedKStream<Key, Value> {
        var result = branch(name, condition)
        result.apply { stream in
            consume(stream)
            return nil
        }
        return result
    }

    /// Gives the last branch's stream to a function, whose result stands for it from now on.
    @inlinable
    mutating func apply(_ transform: (KStream<Key, Value>) -> KStream<Key, Value>?) {
        guard let last = branches.indices.last else { return }
        branches[last].result = transform(branches[last].stream)
    }

    /// Ends the split with a branch for all other records, and puts what a function makes of its stream into the result.
    @inlinable
    public func defaultBranch(
        _ name: String = "default",
        applying transform: (KStream<Key, Value>) -> KStream<Key, Value>
    ) -> Branches<Key, Value> {
        let stream = stream(name)
        return finish(
            rest: Branch(name: name, stream: stream, result: transform(stream), condition: { _, _ in true })
        )
    }

    /// Ends the split with a branch for all other records, whose stream a function takes to its end.
    @inlinable
    @discardableResult
    public func defaultBranch(
        _ name: String = "default",
        into consume: (KStream<Key, Value>) -> Void
    ) -> Branches<Key, Value> {
        let stream = stream(name)
        consume(stream)
        return finish(rest: Branch(name: name, stream: stream, result: nil, condition: { _, _ in true }))
    }

    /// Ends the split with a branch for all other records.
    @inlinable
    public func defaultBranch(_ name: String = "default") -> Branches<Key, Value> {
        defaultBranch(name, applying: { $0 })
    }

    /// Ends the split; all other records are dropped.
    @inlinable
    @discardableResult
    public func noDefaultBranch() -> Branches<Key, Value> {
        finish(rest: nil)
    }

    @inlinable
    func stream(_ name: String) -> KStream<Key, Value> {
        let operatorName = "\(parent.assembly.name(of: parent.node))-\(name)"
        if branches.contains(where: { $0.name == name }) {
            parent.assembly.graph.report(
                .duplicateBranch(operator: parent.assembly.name(of: parent.node), branch: name)
            )
            return parent.child("branch", nil)
        }
        let stream = parent.child("branch", operatorName)
        parent.assembly.graph.deriveNames(after: stream.node, ofBranch: name)
        return stream
    }

    @inlinable
    func finish(rest: Branch?) -> Branches<Key, Value> {
        if branches.isEmpty {
            parent.assembly.graph.report(.splitWithoutBranches(operator: parent.assembly.name(of: parent.node)))
        }
        let branches = self.branches
        let conditions = branches.map { (port: $0.stream.port, condition: $0.condition) }
        let restPort = rest?.stream.port
        let name = parent.name
        parent.port.add { context in
            // Nested from the last branch to the first, so that a record runs through plain closures.
            var chain = restPort?.compose(context) ?? Out { _, _, _ in }
            let guarded = context.guarded(name)
            for (port, condition) in conditions.reversed() {
                let next = port.compose(context)
                let otherwise = chain
                chain = Out { key, value, timestamp in
                    guard let isMet = try guarded.attempt({ try condition(key, value) }) else { return }
                    if isMet {
                        try next.push(key, value, timestamp)
                    } else {
                        try otherwise.push(key, value, timestamp)
                    }
                }
            }
            return chain
        }
        var streams: [String: KStream<Key, Value>] = [:]
        for branch in branches { streams[branch.name] = branch.result }
        if let rest { streams[rest.name] = rest.result }
        return Branches(parent: parent, streams: streams)
    }
}

/// The streams that a split gave, by the names of their branches.
public struct Branches<Key, Value> {
    @usableFromInline let parent: KStream<Key, Value>
    @usableFromInline let streams: [String: KStream<Key, Value>]

    @inlinable
    init(parent: KStream<Key, Value>, streams: [String: KStream<Key, Value>]) {
        self.parent = parent
        self.streams = streams
    }

    /// The names of all branches, sorted.
    public var names: [String] { streams.keys.sorted() }

    /// The stream of a branch. A name that no branch has is reported by `build()`.
    public subscript(name: String) -> KStream<Key, Value> {
        if let stream = streams[name] { return stream }
        let split = parent.assembly.name(of: parent.node)
        parent.assembly.graph.report(.unknownBranch(operator: split, branch: name, known: names))
        return parent.child("branch", nil)
    }
}

extension KStream {
    /// Begins a split of the stream into named branches.
    ///
    ///     let branches = orders.split()
    ///         .branch("large") { _, order in order.amount > 1_000 }
    ///         .defaultBranch("other")
    ///     branches["large"].to("large-orders")
    @inlinable
    public func split(named name: String? = nil) -> BranchedKStream<Key, Value> {
        let result = child("split", name)
        let target = result.port
        port.add { context in target.compose(context) }
        return BranchedKStream(parent: result)
    }
}
