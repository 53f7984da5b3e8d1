/// The parameters of a case, asked for by type.
struct Parameters {
    let values: [String: JSONValue]

    func text(_ name: String) throws -> String {
        guard case .text(let value) = values[name] else { throw MissingParameter(name: name, kind: "text") }
        return value
    }

    func int(_ name: String) throws -> Int {
        guard case .int(let value) = values[name] else { throw MissingParameter(name: name, kind: "number") }
        return Int(value)
    }

    func flag(_ name: String) throws -> Bool {
        guard case .bool(let value) = values[name] else { throw MissingParameter(name: name, kind: "bool") }
        return value
    }
}

struct MissingParameter: Error, CustomStringConvertible {
    var name: String
    var kind: String

    var description: String { "the case has no parameter \(name) of type \(kind)" }
}
