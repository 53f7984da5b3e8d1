import FoundationEssentials
import MillracePrimitives
import MillraceStreams

extension Serde where Value == UUID {
    /// A UUID as text, as Kafka's `UUIDSerializer` writes it; read whatever the case of its letters.
    public static var uuid: Serde<UUID> {
        Serde(
            format: "uuid",
            encode: { value, writer in writer.append(utf8: value.uuidString.lowercased()) },
            decode: { bytes in
                let text = bytes.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
                guard let text else { throw SerdeError.invalidUTF8 }
                guard let value = UUID(uuidString: text) else {
                    throw SerdeError.invalid("\"\(text.prefix(40))\" is not a UUID")
                }
                return value
            }
        )
    }
}
