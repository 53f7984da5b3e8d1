import FoundationEssentials
import MillracePrimitives
import MillraceStreams

extension Serde where Value: Codable & SendableMetatype {
    /// JSON of a `Codable` type that follows from the context:
    ///
    ///     let orders: KStream<OrderId, Order> = builder.stream("orders", keys: .json, values: .json)
    ///
    /// Members are written in the order of their names, so that equal values have equal bytes and can be keys. That does
    /// not hold of a `Set`, nor of a dictionary whose keys are neither text nor integers, which are written in an order of
    /// their own: keep them out of keys.
    ///
    /// A value that is nil is null, as with `.optional(…)`.
    ///
    /// The format's name is `json(…)` with the type's name in it: what is in the type, and how it changes, is its own
    /// matter. A type that was renamed keeps its state with `.json(Order.self).format("json(OldName)")`.
    public static var json: Serde<Value> { json(Value.self) }

    /// JSON of a `Codable` type: `values: .json(Order.self)`. See `json`.
    ///
    /// - Parameters:
    ///   - type: the type.
    ///   - encoder: how dates, data and names are written; its `outputFormatting` should have `.sortedKeys`.
    ///   - decoder: how they are read.
    public static func json(
        _ type: Value.Type,
        encoder: JSONEncoder = .canonical,
        decoder: JSONDecoder = JSONDecoder()
    ) -> Serde<Value> {
        Serde(
            format: "json(\(Value.self))",
            encode: { value, writer in
                do {
                    writer.append([UInt8](try encoder.encode(value)))
                } catch {
                    throw SerdeError.invalid("this \(Value.self) cannot be written as JSON: \(JSONProblem(error))")
                }
            },
            decode: { bytes in
                do {
                    return try decoder.decode(Value.self, from: bytes.withUnsafeBytes { Data($0) })
                } catch {
                    throw SerdeError.invalid("it is not the JSON of a \(Value.self): \(JSONProblem(error))")
                }
            }
        ).nullable
    }
}

extension JSONEncoder {
    /// Writes members in the order of their names and no more bytes than there must be.
    public static var canonical: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

/// What is wrong with some JSON, and where in it, in a line.
struct JSONProblem: CustomStringConvertible {
    let description: String

    init(_ error: any Error) {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            description = "\(JSONProblem.place(context.codingPath))there is no \"\(key.stringValue)\""
        case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
            description = "\(JSONProblem.place(context.codingPath))there is no \(type)"
        case DecodingError.dataCorrupted(let context):
            description = "\(JSONProblem.place(context.codingPath))\(context.debugDescription)"
        case EncodingError.invalidValue(let value, let context):
            description = "\(JSONProblem.place(context.codingPath))\(value): \(context.debugDescription)"
        default:
            description = "\(error)"
        }
    }

    /// `items[2].price: `, or nothing at the top.
    private static func place(_ path: [any CodingKey]) -> String {
        guard !path.isEmpty else { return "" }
        var place = ""
        for key in path {
            if let index = key.intValue {
                place += "[\(index)]"
            } else {
                place += place.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return "at \(place), "
    }
}
