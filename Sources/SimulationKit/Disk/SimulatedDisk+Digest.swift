extension SimulatedDisk {
    /// A number for everything that calls see, and everything that is durable.
    var digest: UInt64 {
        var digest = Digest()
        add(Self.root, \.live, { $0.live }, to: &digest)
        add(Self.root, \.durable, { $0.durable }, to: &digest)
        return digest.value
    }

    private func add(
        _ node: NodeID,
        _ names: (SimulatedDirectory) -> [String: NodeID],
        _ bytes: (SimulatedContents) -> [UInt8],
        to digest: inout Digest
    ) {
        if let contents = files[node] {
            digest.add(bytes(contents))
            return
        }
        guard let directory = directories[node] else { return }
        for (name, child) in names(directory).sorted(by: { $0.key < $1.key }) {
            digest.add(name)
            add(child, names, bytes, to: &digest)
        }
    }
}
