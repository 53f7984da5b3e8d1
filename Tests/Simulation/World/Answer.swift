/// What the broker answered, as far as a client can tell.
enum Answer<Value> {
    case done(Value)
    /// Refused for a reason that says that nothing was done.
    case refused(String)
    /// The outcome is open: the machine stopped, or its disk failed, or what has to come before is not finished.
    case unknown(String)

    var value: Value? {
        switch self {
        case .done(let value): value
        case .refused, .unknown: nil
        }
    }

    var isRefused: Bool {
        switch self {
        case .refused: true
        case .done, .unknown: false
        }
    }

    /// For the transcript.
    var summary: String {
        switch self {
        case .done(let value): "done: \(value)"
        case .refused(let why): "refused: \(why)"
        case .unknown(let why): "unknown: \(why)"
        }
    }
}
