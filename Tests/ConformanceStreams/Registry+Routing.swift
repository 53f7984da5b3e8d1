import Millrace

extension Registry {
    static let routing: [String: Register] = [
        "dynamic-topic": { builder, parameters in
            let input = stream(builder)
            switch try parameters.text("by") {
            case "value": input.to { _, value in "out-" + (value.map { String($0.prefix(1)) } ?? "null") }
            case "key": input.to { key, _ in "out-" + str(key) }
            default: input.to { record in record.timestampMs % 2 == 0 ? "out-even" : "out-odd" }
            }
        }
    ]
}
