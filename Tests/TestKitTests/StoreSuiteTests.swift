import Millrace
import MillraceTestKit
import Testing

@Suite("Every store of processors")
struct StoreSuiteTests {
    private typealias Script = [(text: String, timeMs: Int64)]

    private static let cacheBytes = [0, 200, 1 << 20]

    private func driver(
        _ kind: StoreKind,
        isLogged: Bool = true,
        cacheBytes: Int,
        _ mode: TopologyTestDriver.CommitMode
    ) throws -> TopologyTestDriver {
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = cacheBytes
        return try TopologyTestDriver(
            try kind.topology(isLogged: isLogged, isCached: cacheBytes > 0),
            configuration: configuration,
            commitMode: mode
        )
    }

    private func pipe(_ command: (text: String, timeMs: Int64), to driver: TopologyTestDriver) throws {
        try driver.input("in", keys: .utf8, values: .utf8).pipe("k", command.text, at: command.timeMs)
    }

    private func results(_ driver: TopologyTestDriver) throws -> [String?] {
        try driver.output("out", keys: .utf8, values: .utf8).readAll().map(\.value)
    }

    @Test(
        "gives the same results when the application is killed and restored in between as when it goes on",
        arguments: StoreKind.allCases,
        UInt64(0)..<4
    )
    func crash(kind: StoreKind, seed: UInt64) throws {
        let script = StoreCommand.script(seed: seed, count: 500)
        for cacheBytes in Self.cacheBytes {
            let steady = try driver(kind, cacheBytes: 0, .afterEveryRecord)
            for command in script { try pipe(command, to: steady) }
            let expected = try results(steady)

            var random = SeededRandom(seed: seed)
            let crashing = try driver(kind, cacheBytes: cacheBytes, .explicit)
            for command in script {
                try pipe(command, to: crashing)
                switch Int.random(in: 0..<40, using: &random) {
                case 0...3: try crashing.commit()
                case 4: try crashing.crash()
                default: break
                }
            }
            try crashing.commit()
            try crashing.crash()
            let got = try results(crashing)
            let first = zip(got, expected).enumerated().first { $0.element.0 != $0.element.1 }
            #expect(got.count == expected.count)
            #expect(
                first == nil,
                """
                \(kind), seed \(seed), cache of \(cacheBytes) bytes: command \(first?.offset ?? -1), \
                \(script[first?.offset ?? 0]): \(first?.element.0 ?? ""), not \(first?.element.1 ?? "")
                """
            )
        }
    }

    @Test("reads what was written just before, cached or not", arguments: StoreKind.allCases, [0, 1 << 20])
    func readYourWrites(kind: StoreKind, cacheBytes: Int) throws {
        let driver = try driver(kind, cacheBytes: cacheBytes, .explicit)
        for (number, letter) in "abc".enumerated() {
            try pipe(("put \(letter) v\(number) 0", 1_000), to: driver)
            try pipe(("get \(letter) - 0", 1_000), to: driver)
        }
        try pipe(("put b w 0", 1_000), to: driver)
        try pipe(("get b - 0", 1_000), to: driver)
        let got = try results(driver).compactMap(\.self)
        for (index, value) in [(1, "v0"), (3, "v1"), (5, "v2")] { #expect(got[index].hasPrefix(value), "\(got)") }
        let expected = kind == .windowWithDuplicates ? "v1" : "w"
        #expect(got[7].hasPrefix(expected), "with duplicates the first value is still there")
    }

    @Test("is empty after a restart if it has no changelog", arguments: StoreKind.allCases)
    func unlogged(kind: StoreKind) throws {
        let driver = try driver(kind, isLogged: false, cacheBytes: 1 << 20, .explicit)
        try pipe(("put a v 0", 1_000), to: driver)
        try driver.commit()
        try driver.crash()
        try pipe(("get a - 0", 1_000), to: driver)
        #expect(try results(driver).last == "-")
    }

    @Test("lets a value be overwritten and removed while its rows are being read", arguments: [0, 1 << 20])
    func writeWhileReading(cacheBytes: Int) throws {
        let store = Stores.keyValue("st", keys: .utf8, values: .utf8, isCached: cacheBytes > 0)
        let builder = StreamsBuilder()
        let results: KStream<String, String> = builder.stream("in", keys: .utf8, values: .utf8)
            .process(stores: store) { record, context, store in
                for key in ["a", "b", "c", "d"] { try store.put(key, "old") }
                var rows = try store.all()
                var seen: [String] = []
                while let (key, value) = try rows.next() {
                    seen.append("\(key)=\(value)")
                    try store.delete("b")
                    try store.put("c", "new")
                    for number in 0..<500 { try store.put("z\(number)", "added") }
                }
                try context.forward(record.withValue(seen.joined(separator: " ")))
            }
        results.to("out", keys: .utf8, values: .utf8)
        var configuration = StreamsConfiguration()
        configuration.cacheMaximumBytes = cacheBytes
        let driver = try TopologyTestDriver(try builder.build(), configuration: configuration)
        try driver.input("in", keys: .utf8, values: .utf8).pipe("k", "go", at: 1)
        let output = driver.output("out", keys: .utf8, values: .utf8)
        #expect(try output.read()?.value == "a=old c=new d=old", "what was added is not visited")
    }
}
