import Millrace
import MillracePrimitives
import Testing

@testable import MillraceStreams

@Suite("Foreign-key joins", .short)
struct ForeignKeyJoinTests {
    private func topology(isLeft: Bool, _ mishap: Mishap? = nil) throws -> Topology {
        let builder = StreamsBuilder()
        let left = builder.table("left", keys: .utf8, values: .utf8)
        let right = builder.table("right", keys: .utf8, values: .utf8)
        let joined =
            isLeft
            ? left.leftJoin(right, foreignKey: Self.foreignKey) { value, row in
                try mishap?.check()
                return "\(value)+\(row ?? "-")"
            }
            : left.join(right, foreignKey: Self.foreignKey) { value, row in
                try mishap?.check()
                return "\(value)+\(row)"
            }
        joined.toStream().to("out", values: .utf8)
        return try builder.build()
    }

    @Sendable
    private static func foreignKey(_ value: String) -> String? {
        value.hasPrefix("-") ? nil : String(value.prefix { $0 != "|" })
    }

    /// Changes of both tables, at random, and the rows that they lead to.
    private struct Changes {
        var left: [String: String] = [:]
        var right: [String: String] = [:]
        var random: SeededRandom

        /// Keys are few, so that rows are changed, removed and made again.
        mutating func write(_ count: Int, to world: World) async throws {
            for _ in 0..<count {
                if Bool.random(using: &random) {
                    let key = "l\(Int.random(in: 0..<12, using: &random))"
                    let foreignKey = Int.random(in: 0..<7, using: &random)
                    let name = foreignKey == 6 ? "-" : "r\(foreignKey)"
                    let isRemoved = Int.random(in: 0..<5, using: &random) == 0
                    left[key] = isRemoved ? nil : "\(name)|\(Int.random(in: 0..<100, using: &random))"
                    try await world.write([(key, left[key])], to: "left")
                } else {
                    let key = "r\(Int.random(in: 0..<6, using: &random))"
                    let isRemoved = Int.random(in: 0..<4, using: &random) == 0
                    right[key] = isRemoved ? nil : "R\(Int.random(in: 0..<100, using: &random))"
                    try await world.write([(key, right[key])], to: "right")
                }
            }
        }

        func joined(isLeft: Bool) -> [String: String] {
            left.compactMapValues { value in
                let row = ForeignKeyJoinTests.foreignKey(value).flatMap { right[$0] }
                return row.map { "\(value)+\($0)" } ?? (isLeft ? "\(value)+-" : nil)
            }
        }
    }

    @Test(
        "changes of both tables, a restart and failures on the way lead to what the rows say",
        arguments: [true, false]
    )
    func recovers(isLeft: Bool) async throws {
        for seed in UInt64(1)...3 {
            let world = try await World(["left": 3, "right": 2, "out": 1])
            var changes = Changes(random: SeededRandom(seed: seed))
            for mishap in [nil, Mishap(atCall: 3), nil] as [Mishap?] {
                try await changes.write(60, to: world)
                try await world.run(try topology(isLeft: isLeft, mishap)) { $0.onUncaughtError = .replaceThread }
                let expected = changes.joined(isLeft: isLeft)
                #expect(try await world.table(.utf8) == expected, "seed \(seed)")
            }
        }
    }

    @Test(
        "with several threads, which change the tables at the same time, results are the same",
        arguments: [true, false]
    )
    func threads(isLeft: Bool) async throws {
        let world = try await World(["left": 4, "right": 3, "out": 1])
        var changes = Changes(random: SeededRandom(seed: 7))
        let running = RunningApplication(try topology(isLeft: isLeft), in: world) { $0.threads = 3 }
        await running.reach(.running)
        try await changes.write(150, to: world)
        try await running.stop()
        try await world.run(try topology(isLeft: isLeft)) { $0.threads = 2 }
        #expect(try await world.table(.utf8) == changes.joined(isLeft: isLeft))
    }

    @Test("an inner join unsubscribes from a row that is no longer named, and answers what had a result")
    func innerPlan() {
        func plan(_ old: ForeignKeyState, _ new: ForeignKeyState, isSame: Bool = false) -> SubscriptionPlan {
            .inner(from: old, to: new, isSameKey: isSame)
        }
        for old in [ForeignKeyState.noRow, .noKey] {
            #expect(plan(old, .noRow) == SubscriptionPlan())
            #expect(plan(old, .noKey) == SubscriptionPlan())
            #expect(plan(old, .key) == SubscriptionPlan(current: .subscribeAndAnswerMatch))
        }
        #expect(plan(.key, .noRow) == SubscriptionPlan(former: .unsubscribeAndAnswer))
        #expect(plan(.key, .noKey) == SubscriptionPlan(former: .unsubscribeAndAnswer))
        #expect(plan(.key, .key) == SubscriptionPlan(former: .unsubscribe, current: .subscribe))
        #expect(plan(.key, .key, isSame: true) == SubscriptionPlan(current: .subscribe))
    }

    @Test("a left join always has an answer, unless there was no row and is none")
    func leftPlan() {
        for old in ForeignKeyState.allCases {
            for new in ForeignKeyState.allCases {
                let plan = SubscriptionPlan.left(from: old, to: new, isSameKey: false)
                let isNothing = old == .noRow && new == .noRow
                #expect(plan.current == (isNothing ? nil : .subscribe), "\(old) to \(new)")
                #expect(plan.former == (old == .key ? .unsubscribe : nil), "\(old) to \(new): one answer is enough")
            }
        }
        #expect(SubscriptionPlan.left(from: .key, to: .key, isSameKey: true).former == nil)
    }

    @Test("a subscription and an answer are read as they were written, and others are refused with a reason")
    func messages() throws {
        let hash = Hash128(high: 1, low: 2)
        try Array("key".utf8).withUnsafeBytes { key in
            for hash in [hash, nil] {
                let subscription = Subscription(instruction: .subscribe, hash: hash, partition: 7, key: key)
                let bytes = try #require(try Subscription.serde.bytes(of: subscription))
                try bytes.withUnsafeBytes { bytes in
                    let read = try Subscription(reading: bytes)
                    #expect(read.instruction == .subscribe)
                    #expect(read.hash == hash)
                    #expect(read.partition == 7)
                    #expect(read.key.elementsEqual(key))
                    #expect(throws: (any Error).self) {
                        try Subscription(reading: UnsafeRawBufferPointer(rebasing: bytes.prefix(5)))
                    }
                }
                for row in [key, nil] as [UnsafeRawBufferPointer?] {
                    var writer = ByteWriter()
                    SubscriptionAnswer.write(hash, row: row, to: &writer)
                    let answer = try SubscriptionAnswer(reading: writer.bytes)
                    #expect(answer.hash == hash)
                    #expect(answer.row.map(Array.init) == row.map(Array.init))
                }
            }
        }
        let error = #expect(throws: SerdeError.self) { try Subscription.serde.value(of: [9, 2, 0, 0, 0, 0]) }
        #expect(error?.description.contains("version 9") == true)
    }
}
