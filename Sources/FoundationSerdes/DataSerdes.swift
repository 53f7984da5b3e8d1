import FoundationEssentials
import MillracePrimitives
import MillraceStreams

extension Serde where Value == Data {
    /// Bytes as they are.
    public static var data: Serde<Data> {
        Serde(
            format: "bytes",
            encode: { value, writer in writer.append([UInt8](value)) },
            decode: { bytes in bytes.withUnsafeBytes { Data($0) } }
        )
    }
}

extension Serde where Value == Date {
    /// The milliseconds since 1970 in 8 bytes, big-endian, as Kafka's `LongSerializer` writes a timestamp; what is finer is
    /// left out.
    public static var milliseconds: Serde<Date> {
        Serde<Int64>.int64.converted(
            to: { .init(timeIntervalSince1970: Double($0) / 1_000) },
            from: { date in
                guard let milliseconds = Int64(exactly: (date.timeIntervalSince1970 * 1_000).rounded(.down)) else {
                    throw SerdeError.invalid("\(date) cannot be written in milliseconds")
                }
                return milliseconds
            }
        )
    }
}
