import FoundationEssentials
import MillracePrimitives
import MillraceStreams

extension Serde where Value: Codable & SendableMetatype {
    /// JSON of a `Codable` type: `values: .json(Order.self)`. Members are written in the order of their names, so that
    /// equal values have equal bytes and can be keys.
    ///
    /// The format's name is `json(…)` with the type's name in it: what is in the type, and how it changes, is its own
    /// matter. A type that was renamed keeps its state with `.json(Order.self).format("json(OldName)")`.
    ///
    /// - Parameter type: the type; may be left out where it follows from the context.
    public static func json(_ type: Value.Type = Value.self) -> Serde<Value> {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let decoder = JSONDecoder()
        return Serde(
            format: "json(\(Value.self))",
            encode: { value, writer in writer.append([UInt8](try encoder.encode(value))) },
            decode: { bytes in
                do {
                    return try decoder.decode(Value.self, from: bytes.withUnsafeBytes { Data($0) })
                } catch {
                    throw SerdeError.invalid("it is not the JSON of a \(Value.self): \(error)")
                }
            }
        )
    }
}
