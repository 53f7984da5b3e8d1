import Millrace

/// The topologies of the cases that the DSL can say, by id.
enum Registry {
    /// Adds a topology to a builder.
    typealias Register = @Sendable (StreamsBuilder, Parameters) throws -> Void
    typealias TextStream = KStream<String?, String?>

    static let topologies = [
        stateless, stateful, tables, routing, process, joins, lookups, time, windows, stores,
    ].reduce(into: [String: Register]()) {
        $0.merge($1) { first, _ in first }
    }

    /// Those where the order between output topics is not the reference's business.
    static let withInternalTopics: Set<String> = ["shared-repartition", "cached-chain"]

    static let text = Serde<String?>.optional(.utf8)
    static let number = Serde<Int64?>.optional(.int64)

    static func stream(_ builder: StreamsBuilder, _ topic: String = "in") -> TextStream {
        builder.stream(topic, keys: text, values: text)
    }

    /// A value as text; `null` when it is missing.
    static func str(_ value: String?) -> String { value ?? "null" }

    static func str(_ value: Int64?) -> String { value.map(String.init) ?? "null" }
}

extension KStream<String?, String?> {
    func write(_ topic: String) { to(topic, keys: Registry.text, values: Registry.text) }
}

extension KStream<String?, Int64?> {
    func write(_ topic: String) { to(topic, keys: Registry.text, values: Registry.number) }
}
