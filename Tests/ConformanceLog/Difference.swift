/// One thing that this log sees otherwise than Kafka did.
struct Difference: CustomStringConvertible {
    var what: String
    var expected: String
    var got: String

    init(_ what: String, expected: String, got: String) {
        self.what = what
        self.expected = expected
        self.got = got
    }

    var description: String { "\(what): expected \(expected), got \(got)" }
}

/// The differences found so far, each with where it was found.
struct Differences {
    private(set) var all: [Difference] = []
    /// How the log was opened, which every difference mentions.
    let circumstance: String

    init(_ circumstance: String) {
        self.circumstance = circumstance
    }

    /// Compares one value.
    mutating func compare<Value: Equatable>(_ what: String, expected: Value, got: Value) {
        if expected != got { add(what, expected: text(expected), got: text(got)) }
    }

    /// Compares two lists of values that a key identifies.
    mutating func compare<Value: Equatable, Key: Hashable>(
        _ what: String,
        expected: [Value],
        got: [Value],
        by key: (Value) -> Key,
        fields: [(name: String, of: (Value) -> String)]
    ) {
        let found = Dictionary(got.map { (key($0), $0) }, uniquingKeysWith: { first, _ in first })
        let wanted = Set(expected.map(key))
        for value in expected {
            let place = "\(what) \(key(value))"
            guard let other = found[key(value)] else {
                add(place, expected: text(value), got: "nothing")
                continue
            }
            guard other != value else { continue }
            for field in fields where field.of(value) != field.of(other) {
                add("\(place), \(field.name)", expected: field.of(value), got: field.of(other))
            }
        }
        for value in got where !wanted.contains(key(value)) {
            add("\(what) \(key(value))", expected: "nothing", got: text(value))
        }
        if expected.map(key) != got.map(key), Set(got.map(key)) == wanted {
            add("\(what)s", expected: "each once, in order", got: "another order, or repeats")
        }
    }

    mutating func add(_ what: String, expected: String, got: String) {
        all.append(Difference("\(circumstance), \(what)", expected: expected, got: got))
    }
}

/// A value for a reader: nil is none.
func text<Value>(_ value: Value) -> String {
    guard let optional = value as? any OptionalValue else { return "\(value)" }
    return optional.text
}

private protocol OptionalValue {
    var text: String { get }
}

extension Optional: OptionalValue {
    fileprivate var text: String { map { "\($0)" } ?? "none" }
}
