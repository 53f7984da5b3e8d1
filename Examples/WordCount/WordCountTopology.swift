import Millrace

/// The topics and the topology of the word count.
enum WordCount {
    static let applicationId = "word-count"
    static let lines = "lines"
    static let counts = "word-counts"

    // snippet: word-count
    static func topology() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("lines", keys: .ignored, values: .bytes)
            .flatMapValues { line in words(of: line) }
            .groupBy(keys: .utf8) { _, word in word }
            .count(store: "word-counts")
            .toStream()
            .to("word-counts", keys: .utf8, values: .int64)
        return try builder.build()
    }
    // snippet.end

    /// What stands between white space, lower-cased. Bytes that are not UTF-8 are shown as U+FFFD.
    static func words(of line: [UInt8]) -> [String] {
        guard line.allSatisfy({ $0 < 0x80 }) else {
            return String(decoding: line, as: UTF8.self)
                .split(whereSeparator: \.isWhitespace)
                .map { $0.lowercased() }
        }
        // Plain ASCII, which most text is, needs no Unicode tables.
        return line.split { isSpace($0) }.map { word in
            String(decoding: word.lazy.map { isUpper($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (9...13).contains(byte)
    }

    private static func isUpper(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
}
