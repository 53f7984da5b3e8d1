import Foundation
import Testing

/// What the compiler says about a topology before it ever runs: each snippet is type-checked against the modules that
/// this build has made. The way of compiling is the same for those that must compile, so that no snippet is refused
/// for another reason than its own.
@Suite("What compiles and what does not", .short, .enabled(if: Compiler.isThere, "there is no swiftc in PATH"))
struct CompileTimeTests {
    struct Snippet: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let code: String
        /// What the compiler says; nil if nothing.
        var complaint: String?
    }

    private static let snippets = [
        Snippet(
            testDescription: "streams with keys of one type are joined, merged and grouped together",
            code: """
                _ = orders.join(payments, within: window) { "\\($0) \\($1)" }
                _ = orders.leftJoin(customers) { "\\($0) \\($1 ?? "")" }
                _ = orders.merge(returns)
                _ = orders.groupByKey().cogroup { _, _, sum in sum + 1 }
                    .cogroup(payments.groupByKey()) { _, value, sum in sum + value }
                    .aggregate(initial: { Int64(0) }, aggregates: .int64)
                _ = orders.groupBy(keys: .int64) { _, value in Int64(value.count) }.count()
                """
        ),
        Snippet(
            testDescription: "a key of a Codable type needs one word",
            code: """
                struct Place: Codable, Hashable { var city: String }
                let visits = builder.stream("visits", keys: .json(Place.self), values: .utf8)
                _ = visits.groupByKey().count()
                _ = orders.groupBy(keys: .json) { _, value in Place(city: value) }.count()
                """
        ),
        Snippet(
            testDescription: "streams with unlike keys are not joined",
            code: #"_ = orders.join(numbered, within: window) { "\($0) \($1)" }"#,
            complaint: "'Int64' and 'String') are expected to be equal"
        ),
        Snippet(
            testDescription: "a stream and a table with unlike keys are not joined",
            code: #"_ = orders.leftJoin(numbers) { "\($0) \($1 ?? "")" }"#,
            complaint: "'Int64' and 'String') are expected to be equal"
        ),
        Snippet(
            testDescription: "tables with unlike keys are not joined",
            code: #"_ = customers.join(numbers) { "\($0) \($1)" }"#,
            complaint: "'Int64' and 'String') are expected to be equal"
        ),
        Snippet(
            testDescription: "streams with unlike keys are not merged",
            code: "_ = orders.merge(numbered)",
            complaint: "'Int64' and 'String') are expected to be equal"
        ),
        Snippet(
            testDescription: "streams with unlike keys are not grouped together",
            code: """
                _ = orders.groupByKey().cogroup { _, _, sum in sum + 1 }
                    .cogroup(numbered.groupByKey()) { _, _, sum in sum + 1 }
                    .aggregate(initial: { Int64(0) }, aggregates: .int64)
                """,
            complaint: "'Int64' and 'String') are expected to be equal"
        ),
        Snippet(
            testDescription: "a stream grouped by another key says how that is written",
            code: "_ = orders.groupBy { _, value in value }.count()",
            complaint: "missing argument for parameter 'keys'"
        ),
        Snippet(
            testDescription: "what is written to a topic is written by a serde of its type",
            code: #"orders.to("out", values: .int64)"#,
            complaint: "requires the types 'String' and 'Int64?' be equivalent"
        ),
    ]

    @Test("A topology with types that do not fit does not compile, and the compiler names them", arguments: snippets)
    func check(_ snippet: Snippet) throws {
        let source = """
            import Millrace
            import MillraceFoundationSerdes

            func build(_ builder: StreamsBuilder) {
                let orders = builder.stream("orders", keys: .utf8, values: .utf8)
                let returns = builder.stream("returns", keys: .utf8, values: .utf8)
                let payments = builder.stream("payments", keys: .utf8, values: .int64)
                let numbered = builder.stream("numbered", keys: .int64, values: .utf8)
                let customers = builder.table("customers", keys: .utf8, values: .utf8)
                let numbers = builder.table("numbers", keys: .int64, values: .utf8)
                let window = JoinWindows(difference: .seconds(1), grace: .zero)
                _ = (returns, payments, numbered, customers, numbers, window)
                \(snippet.code)
            }
            """
        let messages = try Compiler.check(source)
        guard let complaint = snippet.complaint else {
            #expect(messages.isEmpty, "\(messages)")
            return
        }
        #expect(messages.contains(complaint), "the compiler said:\n\(messages)")
    }
}

/// The compiler that a user calls, against the modules of this build.
private enum Compiler {
    /// The folder that the build puts its products into.
    private static let products = URL(
        filePath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    ).deletingLastPathComponent()

    static let isThere: Bool = {
        guard let path = ProcessInfo.processInfo.environment["PATH"] else { return false }
        return path.split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/swiftc")
        }
    }()

    /// The modules in C that the Swift ones stand on: those that the build has made a map for, and those that come with
    /// one.
    private static func moduleMaps() throws -> [String] {
        let files = FileManager.default
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let scratch = products.resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
        let made = try files.contentsOfDirectory(atPath: products.path).filter { $0.hasSuffix(".build") }
            .map { products.appending(path: "\($0)/module.modulemap").path }
        let own = try files.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
            .map { root.appending(path: "Sources/\($0)/module.modulemap").path }
        let system = scratch.appending(path: "checkouts/swift-system/Sources/CSystem/include/module.modulemap").path
        return (made + own + [system]).filter { files.fileExists(atPath: $0) }.sorted()
    }

    /// What the compiler says about a source file; nothing if it is in order.
    static func check(_ source: String) throws -> String {
        let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "Snippet.swift")
        try Data(source.utf8).write(to: file)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["swiftc", "-typecheck", "-swift-version", "6", "-module-cache-path", "\(products.path)/ModuleCache"]
            + ["-I", "\(products.path)/Modules"]
            + (try moduleMaps().flatMap { ["-Xcc", "-fmodule-map-file=\($0)"] }) + [file.path]
        process.standardError = output
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}
