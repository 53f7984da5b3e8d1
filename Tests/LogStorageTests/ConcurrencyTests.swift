import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Synchronization
import Testing

@testable import MillraceLogStorage

@Suite("Several threads at one log")
struct ConcurrencyTests {
    /// What the threads of one test share.
    private final class Shared: Sendable {
        let failures = Mutex<[String]>([])
        let writersLeft: Atomic<Int>

        init(writers: Int) { writersLeft = Atomic(writers) }

        func fail(_ what: String) {
            failures.withLock { $0.append(what) }
        }
    }

    private func start(
        _ name: String,
        _ shared: Shared,
        _ body: @escaping @Sendable () throws -> Void
    ) -> PlatformThread {
        PlatformThread.start(name: name) {
            do {
                try body()
            } catch {
                shared.fail("\(name): \(error)")
            }
        }
    }

    @Test("appends, flushes, rolls, deletions and reads do not disturb one another")
    func together() throws {
        let fixture = LogFixture { $0.segmentBytes = 600 }
        let log = try fixture.open()
        let shared = Shared(writers: 2)
        let perWriter = 150
        var threads: [PlatformThread] = []
        for id: Int64 in 1...2 {
            threads.append(
                start("writer \(id)", shared) {
                    defer { shared.writersLeft.subtract(1, ordering: .sequentiallyConsistent) }
                    for sequence in 0..<Int32(perWriter) {
                        let result = try log.append(TestBatch("\(id):\(sequence)").from(id, sequence: sequence))
                        if sequence % 10 == 0 { try log.flush(upTo: result.lastOffset + 1) }
                        if sequence % 40 == 0 { try log.roll() }
                        if sequence % 50 == 49 { try log.deleteRecords(before: result.lastOffset - 20) }
                    }
                }
            )
        }
        threads.append(
            start("reader", shared) {
                var next: Int64 = 0
                var buffer = ByteWriter()
                while true {
                    let isDone = shared.writersLeft.load(ordering: .sequentiallyConsistent) == 0
                    buffer.removeAll()
                    do {
                        let result = try log.read(
                            from: next,
                            maximumBytes: 400,
                            upTo: .lastStableOffset,
                            atLeastOneBatch: true,
                            into: &buffer
                        )
                        var batches = RecordBatches(buffer.bytes)
                        var expected = result.firstBatchOffset ?? next
                        while let batch = try batches.next() {
                            if batch.header.baseOffset != expected {
                                shared.fail("\(batch.header.baseOffset), not \(expected)")
                            }
                            expected = batch.header.nextOffset
                        }
                        next = result.nextOffset
                        if isDone, result.firstBatchOffset == nil { return }
                    } catch LogError.outOfRange(_, _, let first, _) {
                        next = max(first, next)
                    }
                }
            }
        )
        for thread in threads { thread.join() }
        #expect(shared.failures.withLock { $0 } == [])
        #expect(log.logEndOffset == Int64(2 * perWriter))
        let values = try log.records().compactMap(\.value)
        for id in 1...2 {
            let own = values.filter { $0.hasPrefix("\(id):") }
            #expect(own == (perWriter - own.count..<perWriter).map { "\(id):\($0)" })
        }
        try log.close(clean: true)
        #expect(try fixture.open(logStartOffset: log.logStartOffset).records().compactMap(\.value) == values)
    }
}
