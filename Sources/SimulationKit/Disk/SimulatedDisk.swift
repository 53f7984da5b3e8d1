import MillraceFileIO
import SystemPackage

/// A call that the simulated disk refuses.
struct Refusal: Error {
    var reason: FileError.Reason

    init(_ reason: FileError.Reason) {
        self.reason = reason
    }
}

/// Files and directories in memory, each with what calls see and what would survive power loss.
///
/// A value: a copy is another disk. It knows nothing of faults, handles or locks; its file system does.
struct SimulatedDisk: Sendable {
    static let root = NodeID(number: 0)

    var files: [NodeID: SimulatedContents] = [:]
    var directories: [NodeID: SimulatedDirectory] = [root: SimulatedDirectory()]
    /// Changes of names that are not durable, in order.
    var nameChanges: [NameChange] = []
    var lastNode = root.number

    /// The bytes that all files with a name take.
    var usedBytes: Int {
        directories.values.reduce(0) { sum, directory in
            directory.live.values.reduce(sum) { $0 + (files[$1]?.live.count ?? 0) }
        }
    }

    private static func names(_ path: FilePath) -> [String] {
        // There is no current directory, so that a relative path starts at the root. The path is taken apart by hand,
        // because `FilePath` checks itself at every step in a debug build and took most of a simulation's time.
        var names: [String] = []
        for name in path.string.split(separator: "/") where name != "." {
            if name == ".." { _ = names.popLast() } else { names.append(String(name)) }
        }
        return names
    }

    /// The bytes of a file, which is named or open.
    func contents(of file: NodeID) -> SimulatedContents {
        files[file] ?? SimulatedContents()
    }

    /// Changes the bytes of a file, which is named or open.
    mutating func withContents(of file: NodeID, _ body: (inout SimulatedContents) -> Void) {
        body(&files[file, default: SimulatedContents()])
    }

    /// What stands at a path; nil for nothing.
    func node(at path: FilePath) throws(Refusal) -> NodeID? {
        try node(of: Self.names(path))
    }

    private func node(of names: [String]) throws(Refusal) -> NodeID? {
        var node = Self.root
        for name in names {
            guard let directory = directories[node] else { throw Refusal(.notDirectory) }
            guard let next = directory.live[name] else { return nil }
            node = next
        }
        return node
    }

    /// The name that a path ends with, in a directory that exists.
    private func place(of path: FilePath) throws(Refusal) -> Place {
        var names = Self.names(path)
        guard let name = names.popLast() else { throw Refusal(.isDirectory) }
        guard let directory = try node(of: names) else { throw Refusal(.notFound) }
        guard directories[directory] != nil else { throw Refusal(.notDirectory) }
        return Place(directory: directory, name: name)
    }

    /// What stands at a path after power loss that loses everything not synchronized.
    func durableNode(at path: FilePath) -> NodeID? {
        var node = Self.root
        for name in Self.names(path) {
            guard let next = directories[node]?.durable[name] else { return nil }
            node = next
        }
        return node
    }

    private mutating func newNode() -> NodeID {
        lastNode += 1
        return NodeID(number: lastNode)
    }

    private mutating func change(_ change: NameChange) {
        switch change {
        case .put(let place, let node):
            directories[place.directory]?.live[place.name] = node
        case .remove(let place, _):
            directories[place.directory]?.live[place.name] = nil
        case .rename(let from, let to, let node):
            directories[from.directory]?.live[from.name] = nil
            directories[to.directory]?.live[to.name] = node
        }
        nameChanges.append(change)
    }

    /// The file at a path; made if it is missing and `creating`.
    mutating func file(at path: FilePath, creating: Bool) throws(Refusal) -> NodeID {
        if let node = try node(at: path) {
            guard files[node] != nil else { throw Refusal(.isDirectory) }
            return node
        }
        guard creating else { throw Refusal(.notFound) }
        let place = try place(of: path)
        let node = newNode()
        files[node] = SimulatedContents()
        change(.put(place, node))
        return node
    }

    mutating func createDirectory(_ path: FilePath) throws(Refusal) {
        var node = Self.root
        for name in Self.names(path) {
            guard let directory = directories[node] else { throw Refusal(.notDirectory) }
            if let next = directory.live[name] {
                node = next
            } else {
                let created = newNode()
                directories[created] = SimulatedDirectory()
                change(.put(Place(directory: node, name: name), created))
                node = created
            }
        }
        guard directories[node] != nil else { throw Refusal(.notDirectory) }
    }

    func contents(of path: FilePath) throws(Refusal) -> [DirectoryEntry] {
        guard let node = try node(at: path) else { throw Refusal(.notFound) }
        guard let directory = directories[node] else { throw Refusal(.notDirectory) }
        return directory.live
            .map { DirectoryEntry(name: $0.key, kind: files[$0.value] == nil ? .directory : .file) }
            .sorted { $0.name < $1.name }
    }

    func kind(of path: FilePath) -> FileKind? {
        guard let node = try? node(at: path) else { return nil }
        return files[node] == nil ? .directory : .file
    }

    mutating func rename(_ path: FilePath, to newPath: FilePath) throws(Refusal) {
        guard let node = try node(at: path) else { throw Refusal(.notFound) }
        let from = try place(of: path)
        let to = try place(of: newPath)
        if from == to { return }
        let isDirectory = directories[node] != nil
        if isDirectory, Self.names(newPath).starts(with: Self.names(path)) {
            throw Refusal(.inputOutput(Errno.invalidArgument.rawValue))
        }
        if let replaced = directories[to.directory]?.live[to.name] {
            switch (isDirectory, directories[replaced]) {
            case (true, nil): throw Refusal(.notDirectory)
            case (false, .some): throw Refusal(.isDirectory)
            case (true, .some(let directory)) where !directory.live.isEmpty: throw Refusal(.exists)
            case (true, .some), (false, nil): break
            }
        }
        change(.rename(from: from, to: to, node))
    }

    mutating func removeFile(_ path: FilePath) throws(Refusal) {
        guard let node = try node(at: path) else { return }
        guard files[node] != nil else { throw Refusal(.isDirectory) }
        change(.remove(try place(of: path), node))
    }

    mutating func removeDirectory(_ path: FilePath) throws(Refusal) {
        guard let node = try node(at: path) else { return }
        guard directories[node] != nil else { throw Refusal(.notDirectory) }
        let place = try place(of: path)
        empty(node)
        change(.remove(place, node))
    }

    private mutating func empty(_ directory: NodeID) {
        let names = (directories[directory]?.live ?? [:]).sorted { $0.key < $1.key }
        for (name, node) in names {
            if directories[node] != nil { empty(node) }
            change(.remove(Place(directory: directory, name: name), node))
        }
    }
}
