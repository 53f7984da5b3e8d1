import MillraceFileIO
import SystemPackage

extension SimulatedDisk {
    /// Makes the names in a directory durable, and what they depend on: if a file came from another directory, then its
    /// name there is gone for certain.
    mutating func synchronizeDirectory(_ path: FilePath) throws(Refusal) {
        guard let directory = try node(at: path) else { throw Refusal(.notFound) }
        guard directories[directory] != nil else { throw Refusal(.notDirectory) }
        changeCount += 1
        var concerned: Set<Place> = []
        var isDue = [Bool](repeating: false, count: nameChanges.count)
        for (index, change) in nameChanges.enumerated().reversed() {
            let places = change.places
            isDue[index] = places.contains { $0.directory == directory || concerned.contains($0) }
            if isDue[index] { concerned.formUnion(places) }
        }
        let due = zip(nameChanges, isDue).filter(\.1).map(\.0)
        nameChanges = zip(nameChanges, isDue).filter { !$0.1 }.map(\.0)
        var names = directories.mapValues(\.durable)
        for change in due { change.apply(to: &names) }
        for (node, durable) in names { directories[node]?.durable = durable }
    }

    /// Forgets files and directories that no name leads to, now or after power loss, and that are not `kept` open.
    mutating func forgetUnreachable(kept: some Sequence<NodeID>) {
        var reachable = Set(kept)
        reachable.insert(Self.root)
        for directory in directories.values {
            reachable.formUnion(directory.live.values)
            reachable.formUnion(directory.durable.values)
        }
        for change in nameChanges { reachable.insert(change.node) }
        files = files.filter { reachable.contains($0.key) }
        directories = directories.filter { reachable.contains($0.key) }
    }

    /// The disk after power loss that takes everything not synchronized.
    func losingUnsynced() -> SimulatedDisk {
        rebuilt(names: directories.mapValues(\.durable)) { $0.durable }
    }

    /// The disk after power loss, with what was not synchronized kept, torn or lost as `random` decides.
    func losingSome(using random: inout some RandomNumberGenerator) -> SimulatedDisk {
        var names = directories.mapValues(\.durable)
        for change in nameChanges where Bool.random(using: &random) { change.apply(to: &names) }
        return rebuilt(names: names) { $0.survivor(using: &random) }
    }

    /// A disk on which everything is durable: `names`, with the bytes that `bytes` finds for each file. Files are visited
    /// in an order that depends on nothing but their names, so that a seed gives the same disk in every process.
    private func rebuilt(
        names: [NodeID: [String: NodeID]],
        _ bytes: (SimulatedContents) -> [UInt8]
    ) -> SimulatedDisk {
        var disk = SimulatedDisk()
        disk.directories = [:]
        disk.lastNode = lastNode
        var unvisited = [Self.root]
        while let node = unvisited.popLast() {
            if let contents = files[node] {
                disk.files[node] = SimulatedContents(durable: bytes(contents))
            } else {
                let children = names[node] ?? [:]
                disk.directories[node] = SimulatedDirectory(live: children, durable: children)
                unvisited += children.sorted { $0.key < $1.key }.map(\.value)
            }
        }
        return disk
    }
}
