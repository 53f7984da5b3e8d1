import Millrace

extension Registry {
    static let time: [String: Register] = [
        "timestamp-extractor": { builder, parameters in
            let input = builder.stream("in", keys: text, values: text, timestamps: try extractor(parameters))
            input.mapValues { value -> String? in str(value) }.write("out-raw")
            let size = Duration.milliseconds(Int64(try parameters.int("sizeMs")))
            let grace = Duration.milliseconds(Int64(try parameters.int("graceMs")))
            input.groupByKey().windowedBy(.tumbling(size: size, grace: grace))
                .count(store: StoreOptions(name: "win", isCached: false))
                .toStream()
                .to("out", keys: Wire.windowedText, values: number)
        }
    ]

    /// Takes the number before `|`; when there is none, what a parameter says.
    static func extractor(_ parameters: Parameters) throws -> TimestampExtractor<String?, String?> {
        let onInvalid = try parameters.text("onInvalid")
        return TimestampExtractor { record, partitionTimeMs in
            if let time = record.value.flatMap({ Int64($0.prefix { $0 != "|" }) }) { return time }
            return switch onInvalid {
            case "partition-time": partitionTimeMs
            case "record": record.timestampMs
            default: -1
            }
        }
    }
}
