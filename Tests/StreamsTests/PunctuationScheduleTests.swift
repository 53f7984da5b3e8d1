import MillracePrimitives
import Testing

@testable import MillraceStreamsRuntime

@Suite("The schedule of a task")
struct PunctuationScheduleTests {
    private final class Calls {
        var list: [String] = []
    }

    private func entry(_ name: String, every intervalMs: Int64?, _ calls: Calls) -> ScheduledPunctuation {
        ScheduledPunctuation(name, intervalMs: intervalMs) { calls.list.append("\(name)@\($0)") }
    }

    @Test("what is due runs in the order of the due times, then of their making, once however long ago it was due")
    func order() throws {
        let schedule = PunctuationSchedule()
        let calls = Calls()
        for (name, interval) in [("late", 10), ("a", 4), ("b", 4)] as [(String, Int64)] {
            schedule.set(entry(name, every: interval, calls), dueMs: interval)
        }
        #expect(try !schedule.run(at: 3) { $1 })
        #expect(try schedule.run(at: 13) { $1 })
        #expect(calls.list == ["a@13", "b@13", "late@13"])
        #expect(schedule.dueMs.pointee == 16)
        _ = try schedule.run(at: 16) { $1 }
        #expect(calls.list.suffix(2) == ["a@16", "b@16"])
    }

    @Test("what was cancelled does not run, also when it is cancelled by another one that is due")
    func cancels() throws {
        let schedule = PunctuationSchedule()
        let calls = Calls()
        let second = entry("second", every: 5, calls)
        schedule.set(second, dueMs: 2)
        let first = ScheduledPunctuation("first", intervalMs: 5) { _ in
            calls.list.append("first")
            second.cancel()
        }
        schedule.set(first, dueMs: 1)
        _ = try schedule.run(at: 10) { $1 }
        #expect(calls.list == ["first"])
        #expect(schedule.dueMs.pointee == 11)
    }

    @Test("what has no interval runs once each time it is set, at the last time that it was set to")
    func alarm() throws {
        let schedule = PunctuationSchedule()
        let calls = Calls()
        let alarm = entry("alarm", every: nil, calls)
        schedule.set(alarm, dueMs: 5)
        schedule.set(alarm, dueMs: 9)
        #expect(try !schedule.run(at: 7) { $1 })
        #expect(try schedule.run(at: 9) { $1 })
        #expect(try !schedule.run(at: 100) { $1 })
        schedule.set(alarm, dueMs: 50)
        _ = try schedule.run(at: 100) { $1 }
        #expect(calls.list == ["alarm@9", "alarm@100"])
    }

    @Test("at the end of time a punctuation runs and is not due again")
    func endOfTime() throws {
        let schedule = PunctuationSchedule()
        let calls = Calls()
        schedule.set(entry("last", every: Int64.max, calls), dueMs: 1)
        _ = try schedule.run(at: Int64.max) { $1 }
        #expect(calls.list == ["last@\(Int64.max)"])
        #expect(schedule.dueMs.pointee == Int64.max)
        #expect(try !schedule.run(at: Int64.max) { $1 })
    }

    @Test("an error names the punctuation, which is due again at its next turn")
    func fails() throws {
        struct Refused: Error {}
        let schedule = PunctuationSchedule()
        schedule.set(ScheduledPunctuation("flaky", intervalMs: 5) { _ in throw Refused() }, dueMs: 0)
        let error = #expect(throws: StreamsError.self) {
            try schedule.run(at: 1) { name, error in
                StreamsError.timed(TaskId(subtopology: 0, partition: 0), part: name, underlying: error)
            }
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains("flaky"))
        #expect(schedule.dueMs.pointee == 5)
    }

    @Test("a schedule with a beginning is due at its first multiple that is not past")
    func beginnings() {
        #expect(PunctuationSchedule.first(from: 30, every: 10, notBefore: 7) == 30)
        #expect(PunctuationSchedule.first(from: 3, every: 10, notBefore: 7) == 13)
        #expect(PunctuationSchedule.first(from: 3, every: 10, notBefore: 13) == 13)
        #expect(PunctuationSchedule.first(from: 3, every: 10, notBefore: 14) == 23)
    }
}
