/// Names one file or directory of a simulated disk for as long as the disk exists, whatever its path.
struct NodeID: Hashable, Comparable, Sendable {
    var number: Int

    static func < (left: NodeID, right: NodeID) -> Bool { left.number < right.number }
}

/// A name in a directory.
struct Place: Hashable, Sendable {
    var directory: NodeID
    var name: String
}

/// The names in one simulated directory: those that calls see, and those that the disk surely has.
struct SimulatedDirectory: Sendable {
    var live: [String: NodeID] = [:]
    var durable: [String: NodeID] = [:]
}

/// A change of names that is not durable yet.
enum NameChange: Sendable {
    case put(Place, NodeID)
    case remove(Place, NodeID)
    /// Survives power loss as a whole or not at all.
    case rename(from: Place, to: Place, NodeID)

    /// The names that it concerns.
    var places: [Place] {
        switch self {
        case .put(let place, _), .remove(let place, _): [place]
        case .rename(let from, let to, _): [from, to]
        }
    }

    /// What got or lost a name.
    var node: NodeID {
        switch self {
        case .put(_, let node), .remove(_, let node), .rename(_, _, let node): node
        }
    }

    /// Makes the change to `names`, if they are as it found them.
    func apply(to names: inout [NodeID: [String: NodeID]]) {
        switch self {
        case .put(let place, let node):
            names[place.directory, default: [:]][place.name] = node
        case .remove(let place, let node):
            guard names[place.directory]?[place.name] == node else { return }
            names[place.directory, default: [:]][place.name] = nil
        case .rename(let from, let to, let node):
            // If what gave the file its old name did not survive, then neither does what took it away.
            guard names[from.directory]?[from.name] == node else { return }
            names[from.directory, default: [:]][from.name] = nil
            names[to.directory, default: [:]][to.name] = node
        }
    }
}
