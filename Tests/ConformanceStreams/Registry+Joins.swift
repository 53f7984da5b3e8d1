import Millrace

extension Registry {
    static let joins: [String: Register] = [
        "stream-stream-join": { builder, parameters in
            try join(stream(builder, "left"), stream(builder, "right"), parameters).write("out")
        },
        "stream-stream-join-throttled": { builder, parameters in
            try join(stream(builder, "left"), stream(builder, "right"), parameters).write("out")
        },
        "stream-stream-self-join": { builder, parameters in
            let input = stream(builder)
            input.join(input, within: try windows(parameters), keys: text) { left, right -> String? in
                "\(str(left))+\(str(right))"
            }.write("out")
        },
        "stream-stream-join-three": { builder, parameters in
            let first = try join(stream(builder, "a"), stream(builder, "b"), parameters, type: "type1")
            try join(first, stream(builder, "c"), parameters, type: "type2").write("out")
        },
        "stream-stream-join-rekeyed": { builder, parameters in
            func grouped(_ topic: String) -> TextStream {
                stream(builder, topic).selectKey(keys: text) { _, value -> String? in
                    let group = value.map { String($0.prefix { $0 != ":" }) }
                    return group == "-" ? nil : group
                }
            }
            try join(grouped("left"), grouped("right"), parameters).write("out")
        },
    ]

    /// The windows of a case.
    static func windows(_ parameters: Parameters) throws -> JoinWindows {
        JoinWindows(
            before: .milliseconds(try parameters.int("beforeMs")),
            after: .milliseconds(try parameters.int("afterMs")),
            grace: .milliseconds(try parameters.int("graceMs"))
        )
    }

    /// A join of the type that a parameter says; a value that is missing is `null` in the text.
    static func join(
        _ left: TextStream,
        _ right: TextStream,
        _ parameters: Parameters,
        type: String = "type"
    ) throws -> TextStream {
        let windows = try windows(parameters)
        return switch try parameters.text(type) {
        case "inner":
            left.join(right, within: windows, values: text) { "\(str($0))+\(str($1))" }
        case "left":
            left.leftJoin(right, within: windows, values: text) { "\(str($0))+\(str($1 ?? nil))" }
        default:
            left.outerJoin(right, within: windows, values: text) { "\(str($0 ?? nil))+\(str($1 ?? nil))" }
        }
    }
}
