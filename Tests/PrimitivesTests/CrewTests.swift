import MillracePrimitives
import Synchronization
import Testing

@Suite("A crew")
struct CrewTests {
    @Test("every part is done once, whoever does it, before the call returns", arguments: [0, 1, 3])
    func parts(threadCount: Int) {
        let crew = Crew(name: "crew", threadCount: threadCount)
        defer { crew.close() }
        for count in [0, 1, 2, 7, 300] {
            let done = crew.collect(count) { $0 * 2 }
            #expect(done == (0..<count).map { $0 * 2 })
        }
    }

    @Test("several callers share it, and each gets its own parts done")
    func callers() {
        let crew = Crew(name: "crew", threadCount: 2)
        defer { crew.close() }
        let sums = Mutexed()
        let callers = (0..<4).map { caller in
            PlatformThread.start(name: "caller-\(caller)") {
                for round in 0..<200 {
                    let sum = crew.collect(5) { $0 + round * caller }.reduce(0, +)
                    if sum != 10 + 5 * round * caller { sums.wrong.withLock { $0 += 1 } }
                }
            }
        }
        for caller in callers { caller.join() }
        #expect(sums.wrong.withLock { $0 } == 0)
    }

    @Test("without threads the caller does the parts in order")
    func order() {
        let crew = Crew(name: "crew", threadCount: 0)
        let seen = Mutexed()
        crew.run(5) { part in seen.parts.withLock { $0.append(part) } }
        #expect(seen.parts.withLock { $0 } == [0, 1, 2, 3, 4])
    }

    @Test("after its end the work is done by who asks")
    func closed() {
        let crew = Crew(name: "crew", threadCount: 2)
        _ = crew.collect(3) { $0 }
        crew.close()
        #expect(crew.collect(3) { $0 } == [0, 1, 2])
    }
}

private final class Mutexed: Sendable {
    let wrong = Mutex(0)
    let parts = Mutex<[Int]>([])
}
