import Foundation

/// One recorded case: a script of inputs, and everything that Kafka Streams wrote for it.
struct ConformanceCase: Decodable, Sendable {
    struct Configuration: Decodable, Sendable {
        var cacheMaxBytes: Int
        var commitMode: String
        var optimization: String
        var initialWallClockMs: Int64
        var emitIntervalMs: Int64?
        var onDeserializationError: String
        var onProcessingError: String
    }

    struct Topic: Decodable, Sendable {
        var role: String
        var partitions: Int32
        var key: String
        var value: String
    }

    struct Step: Decodable, Sendable {
        var op: String
        var topic: String?
        var key: JSONValue?
        var value: JSONValue?
        var valueHex: String?
        var ts: Int64?
        var headers: [[String?]]?
        var ms: Int64?
    }

    struct Record: Decodable, Sendable, Equatable {
        var step: Int
        var topic: String
        var key: JSONValue?
        var value: JSONValue?
        var ts: Int64
        var headers: [[String?]]?
    }

    struct Store: Decodable, Sendable {
        var kind: String
        var entries: [StoreEntry]?
    }

    struct StoreEntry: Decodable, Sendable, Equatable {
        var key: JSONValue?
        var windowStart: Int64?
        var windowEnd: Int64?
        var value: JSONValue?
        var ts: Int64?
        /// Of a versioned store: the time of a point read, nil for the latest, and whether anything was found. The
        /// reference's typed store does not tell when a version ended.
        var asOf: Int64?
        var found: Bool?
    }

    var name: String
    var topology: String
    var params: [String: JSONValue]
    var quirk: String?
    var config: Configuration
    var topics: [String: Topic]
    var steps: [Step]
    var expected: [Record]
    var stores: [String: Store]?

    private enum CodingKeys: String, CodingKey {
        case name = "case"
        case topology, params, quirk, config, topics, steps, expected, stores
    }

    init(contentsOf file: URL) throws {
        self = try JSONDecoder().decode(ConformanceCase.self, from: try Data(contentsOf: file))
    }

    /// The case files under a path, which may be one itself; sorted.
    static func files(under path: String) -> [URL] {
        let root = URL(filePath: path).standardizedFileURL
        if root.pathExtension == "json" { return [root] }
        guard let paths = FileManager.default.enumerator(atPath: root.path) else { return [] }
        return paths.compactMap { $0 as? String }.filter { $0.hasSuffix(".json") && !$0.hasPrefix("segments/") }
            .sorted()
            .map { root.appending(path: $0) }
    }
}
