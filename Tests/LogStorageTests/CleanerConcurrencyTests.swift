import MillraceFileIO
import MillracePrimitives
import MillraceSimulationKit
import Synchronization
import Testing

@testable import MillraceLogStorage

@Suite("The cleaner among readers and writers")
struct CleanerConcurrencyTests {
    /// What the threads of one test share.
    private final class Shared: Sendable {
        let problems = Mutex<[String]>([])
        let isDone = Atomic<Bool>(false)

        func report(_ what: String) { problems.withLock { $0.append(what) } }
    }

    private func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> PlatformThread {
        PlatformThread.start(name: name) { body() }
    }

    @Test(
        "appends, reads from anywhere, passes and retention at once keep every key's last value",
        arguments: Seed.sequence(3)
    )
    func atOnce(seed: Seed) throws {
        var fixture = LogFixture.compacted(segmentBytes: 600)
        fixture.configuration.cleanupPolicy = [.compact, .delete]
        fixture.configuration.retentionMs = -1
        let log = try fixture.open()
        let shared = Shared()
        let cleaner = start("cleaner") {
            while !shared.isDone.load(ordering: .acquiring) {
                do {
                    _ = try log.clean(now: 0)
                    try log.applyRetention(now: 0)
                } catch { shared.report("cleaning: \(error)") }
            }
        }
        let readers = (0..<2).map { number in
            start("reader-\(number)") {
                var random = SeededRandom(seed: seed.value &+ UInt64(number))
                while !shared.isDone.load(ordering: .acquiring) {
                    let offset = Int64.random(in: 0...log.logEndOffset, using: &random)
                    do {
                        let offsets = try log.records(from: offset, maximumBytes: 300).map(\.offset)
                        if offsets != offsets.sorted() || (offsets.first ?? offset) < offset {
                            shared.report("read from \(offset): \(offsets)")
                        }
                    } catch { shared.report("reading from \(offset): \(error)") }
                }
            }
        }
        var last: [String: String] = [:]
        for number in 0..<600 {
            let key = "key \(number % 11)"
            last[key] = "\(number)"
            try log.put(key, "\(number)")
        }
        shared.isDone.store(true, ordering: .releasing)
        cleaner.join()
        for reader in readers { reader.join() }
        #expect(shared.problems.withLock { $0 } == [])
        #expect(try log.table() == last)
        try log.compact()
        #expect(try log.keyed.count == 11)
        try log.close(clean: true)
        #expect(fixture.disk.openFileCount == 0)
        #expect(try fixture.open().table() == last)
    }

    @Test("retention while a reader lags: it gets records in order, or is told where the log begins")
    func laggingReader() throws {
        let fixture = LogFixture {
            $0.segmentBytes = 300
            $0.retentionBytes = 900
        }
        let log = try fixture.open()
        let shared = Shared()
        let reader = start("reader") {
            var next: Int64 = 0
            var buffer = ByteWriter()
            while !shared.isDone.load(ordering: .acquiring) {
                buffer.removeAll()
                do throws(LogError) {
                    let result = try log.read(
                        from: next,
                        maximumBytes: 100,
                        upTo: .logEnd,
                        atLeastOneBatch: true,
                        into: &buffer
                    )
                    if let first = result.firstBatchOffset, first != next {
                        shared.report("asked for \(next) and got \(first)")
                    }
                    next = result.nextOffset
                } catch {
                    guard case .outOfRange(_, _, let first, _) = error, first > next else {
                        shared.report("\(error)")
                        return
                    }
                    next = first
                }
            }
        }
        for number in 0..<800 {
            try log.append(TestBatch("value \(number)"))
            if number % 10 == 0 { try log.applyRetention(now: 0) }
        }
        shared.isDone.store(true, ordering: .releasing)
        reader.join()
        #expect(shared.problems.withLock { $0 } == [])
        try log.applyRetention(now: 0)
        #expect(log.sizeInBytes < 900 + 300)
    }
}
