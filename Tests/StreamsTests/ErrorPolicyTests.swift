import Millrace
import Synchronization
import Testing

@testable import MillraceStreamsRuntime

@Suite("Error policies", .short)
struct ErrorPolicyTests {
    private struct Refused: Error {}

    /// Two branches of one stream: the first throws at "bad", the second takes everything.
    private func topology(_ check: @escaping @Sendable (String) throws -> Void) throws -> Topology {
        let builder = StreamsBuilder()
        let input = builder.stream("in", keys: .optional(.utf8), values: .utf8)
        input.mapValues(named: "check") { value -> String in
            try check(value)
            return value + "!"
        }.to("out", values: .utf8)
        input.to("copy")
        return try builder.build()
    }

    private func refusingBad() throws -> Topology {
        try topology { value in if value == "bad" { throw Refused() } }
    }

    private func world() async throws -> World {
        let world = try await World(["in": 1, "out": 1, "copy": 1, "dead": 1])
        try await world.write([("a", "1"), ("b", "bad"), ("c", "3")])
        return world
    }

    private func text(_ record: ConsumerRecord?, _ header: String) -> String? {
        record?.headers["__streams.errors.\(header)"].map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("an operator that throws leaves out its own work; other branches get the record")
    func skipping() async throws {
        let world = try await world()
        let progress = try await world.run(try refusingBad()) { $0.onProcessingError = .logAndContinue }
        #expect(try await world.texts() == ["a=1!", "c=3!"])
        #expect(try await world.texts(of: "copy") == ["a=1", "b=bad", "c=3"])
        #expect(progress.recordsSkipped == 1)
    }

    @Test("a record that fails goes to the dead letters as it was read, with the operator's name")
    func deadLetters() async throws {
        let world = try await world()
        try await world.run(try refusingBad()) { $0.onProcessingError = .deadLetter(topic: "dead") }
        #expect(try await world.texts(of: "dead") == ["b=bad"])
        let dead = try await world.records(of: "dead").first
        #expect(text(dead, "exception") == "StreamsTests.ErrorPolicyTests.Refused")
        #expect(text(dead, "operator") == "check")
        #expect(text(dead, "topic") == "in")
        #expect(text(dead, "offset") == "1")
        #expect(text(dead, "task") == "0_0")
    }

    @Test(
        "a policy that fails can leave a dead letter nevertheless, though all else is aborted",
        arguments: ProcessingGuarantee.allCases
    )
    func failingWithDeadLetter(guarantee: ProcessingGuarantee) async throws {
        let world = try await world()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(try refusingBad()) {
                $0.guarantee = guarantee
                $0.onProcessingError = .fail(deadLetterTopic: "dead")
            }
        }
        #expect(error?.description.contains("check: Refused()") == true, "\(String(describing: error))")
        #expect(try await world.texts(of: "dead") == ["b=bad"])
        if guarantee == .exactlyOnce { #expect(try await world.texts() == []) }
    }

    @Test("an undecodable record leaves a dead letter when the policy is to fail")
    func undecodableWithDeadLetter() async throws {
        let world = try await World(["in": 1, "out": 1, "dead": 1])
        try await world.write([ProducerRecord(topic: "in", key: [0xff], value: [1])])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .bytes).to("out")
        let topology = try builder.build()
        await #expect(throws: StreamsError.self) {
            try await world.run(topology) { $0.onDecodingError = .fail(deadLetterTopic: "dead") }
        }
        let dead = try await world.records(of: "dead")
        #expect(dead.map(\.key) == [[0xff]])
        #expect(dead.map(\.value) == [[1]])
    }

    @Test("what fails is tried again after growing pauses, then left to the next policy")
    func retrying() async throws {
        let world = try await world()
        let calls = Mutex(0)
        let flaky = try topology { value in
            guard value == "bad" else { return }
            let call = calls.withLock { calls -> Int in
                calls += 1
                return calls
            }
            if call < 3 { throw Refused() }
        }
        try await world.run(flaky) {
            $0.onProcessingError = .retry(attempts: 5, firstPause: .milliseconds(1), then: .fail)
        }
        #expect(try await world.texts() == ["a=1!", "b=bad!", "c=3!"])
        #expect(calls.withLock { $0 } == 3)
    }

    @Test("when no try succeeds the last policy decides")
    func retryingInVain() async throws {
        let world = try await world()
        try await world.run(try refusingBad()) {
            $0.onProcessingError = .retry(attempts: 2, firstPause: .milliseconds(1), then: .deadLetter(topic: "dead"))
        }
        #expect(try await world.texts() == ["a=1!", "c=3!"])
        #expect(try await world.texts(of: "dead") == ["b=bad"])
    }

    @Test(
        "a stop while a retry waits is no failed try: the record is not skipped, and comes again",
        arguments: ProcessingGuarantee.allCases.filter { $0 != .atMostOnce }
    )
    func stoppingWhileRetrying(guarantee: ProcessingGuarantee) async throws {
        let world = try await world()
        let (asked, asking) = AsyncStream.makeStream(of: Void.self)
        let running = RunningApplication(try refusingBad(), in: world) {
            $0.guarantee = guarantee
            let retrying = ErrorPolicy.retry(attempts: 2, firstPause: .seconds(3_600), then: .deadLetter(topic: "dead"))
            $0.onProcessingError = ErrorPolicy(deadLetterTopics: ["dead"]) { failure in
                asking.yield()
                return retrying.respond(failure)
            }
        }
        for await _ in asked { break }
        try await running.stop()
        #expect(try await world.texts(of: "dead") == [])
        try await world.run(try topology { _ in }) { $0.guarantee = guarantee }
        #expect(try await world.texts().contains("b=bad!"), "it was committed as if it had been processed")
    }

    @Test("a policy that retries for ever does not outlive the application")
    func stoppingEndlessRetries() async throws {
        let world = try await world()
        let (asked, asking) = AsyncStream.makeStream(of: Void.self)
        let running = RunningApplication(try refusingBad(), in: world) {
            $0.onProcessingError = ErrorPolicy { failure in
                if failure.attempt == 3 { asking.yield() }
                return .retry(after: .milliseconds(1))
            }
        }
        for await _ in asked { break }
        try await running.stop()
        #expect(running.application.state == .notRunning)
    }

    @Test("a policy sees stage, operator, record and attempt, and the pauses double")
    func seenByAPolicy() async throws {
        let world = try await world()
        let seen = Mutex<[String]>([])
        try await world.run(try refusingBad()) {
            $0.onProcessingError = ErrorPolicy { failure in
                seen.withLock {
                    $0.append("\(failure.stage) \(failure.operatorName) \(failure.offset) \(failure.attempt)")
                }
                return failure.attempt == 1 ? .retry(after: .milliseconds(1)) : .skip
            }
        }
        #expect(seen.withLock { $0 } == ["processing check 1 1", "processing check 1 2"])
    }

    @Test("an aggregate is left as it is when its function throws")
    func aggregates() async throws {
        let world = try await World()
        try await world.write([("a", "1"), ("a", "bad"), ("a", "3")])
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).groupByKey()
            .reduce { left, right in
                if right == "bad" { throw Refused() }
                return left + right
            }
            .toStream().to("out", values: .utf8)
        try await world.run(try builder.build()) {
            $0.cacheMaximumBytes = 0
            $0.onProcessingError = .logAndContinue
        }
        #expect(try await world.texts() == ["a=1", "a=13"])
    }

    @Test("a result that is too large, or that its serde refuses, is a production error")
    func production() async throws {
        let world = try await World(["in": 1, "out": 1, "dead": 1])
        try await world.write([("a", "1"), ("b", "bad"), ("c", String(repeating: "long", count: 300)), ("d", "4")])
        let picky = Serde<String>(
            encode: { text, writer in
                if text == "bad" { throw SerdeError.invalid("bad") }
                writer.append(utf8: text)
            },
            decode: { _ in throw SerdeError.invalid("not read here") }
        )
        let builder = StreamsBuilder()
        builder.stream("in", keys: .utf8, values: .utf8).to("out", values: picky, named: "write")
        try await world.run(try builder.build()) {
            $0.maximumRecordSize = 1_000
            $0.onProductionError = ErrorPolicy(deadLetterTopics: ["dead"]) { failure in
                failure.error is SerdeError ? .deadLetter(topic: "dead") : .skip
            }
        }
        #expect(try await world.texts() == ["a=1", "d=4"])
        let dead = try await world.records(of: "dead").first
        #expect(text(dead, "operator") == "write")
        #expect(text(dead, "message") == "it cannot be written to out: bad")
    }

    @Test("dead letters of a custom policy to a topic that does not exist stop the application")
    func unknownTopic() async throws {
        let world = try await world()
        let error = await #expect(throws: StreamsError.self) {
            try await world.run(try refusingBad()) {
                $0.onProcessingError = ErrorPolicy { _ in .deadLetter(topic: "nowhere") }
            }
        }
        #expect(error?.description.contains("nowhere") == true)
    }
}
