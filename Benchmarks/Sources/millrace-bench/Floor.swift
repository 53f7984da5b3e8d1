import CFloor

/// A workload of the floor: the same work as the framework's workload of that name, by hand in C on one core.
enum FloorWorkload: String, CaseIterable {
    case pipe
    case count

    /// Runs it once over the generated input.
    func run(_ settings: floor_settings) throws(FloorError) -> floor_result {
        let result =
            switch self {
            case .pipe: floor_pipe(settings)
            case .count: floor_count(settings)
            }
        return try result.checked("floor \(rawValue)")
    }

    /// The logs that it writes.
    var outputs: [String] {
        switch self {
        case .pipe: ["pipe"]
        case .count: ["changelog", "count"]
        }
    }
}

/// The floor did not run.
struct FloorError: Error, CustomStringConvertible {
    var what: String
    /// The operating system's error number.
    var number: Int32

    var description: String { "\(what): error \(number)" }
}

extension floor_result {
    func checked(_ what: String) throws(FloorError) -> floor_result {
        if error != 0 { throw FloorError(what: what, number: error) }
        return self
    }
}
