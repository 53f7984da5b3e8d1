import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import MillraceSimulationKit
import Testing

@testable import MillraceLogStorage

@Suite("A log against a model")
struct ModelTests {
    @Test("whatever is done to a log, it holds what it should", arguments: Seed.sequence(60))
    func anything(seed: Seed) throws {
        var run = try ModelRun(seed: seed)
        do {
            for _ in 0..<100 { try run.step() }
            try run.check()
        } catch {
            Issue.record("\(error)\n\(seed)\n\(run.journal.joined(separator: "\n"))")
        }
        #expect(run.mismatches.isEmpty, "\(seed)\n\(run.journal.joined(separator: "\n"))")
    }
}

/// One run of random operations on a log and its model.
private struct ModelRun {
    var random: SeededRandom
    var fixture: LogFixture
    var log: PartitionLog
    var model = LogModel()
    var journal: [String] = []
    var mismatches: [String] = []
    /// As the broker's checkpoints would have them.
    var recoveryPoint: Int64 = 0
    var counter = 0

    init(seed: Seed) throws {
        random = seed.random
        var settings = LogConfiguration()
        settings.segmentBytes = [300, 700, 2_000, 1 << 20].randomElement(using: &random) ?? 300
        settings.indexIntervalBytes = [0, 100, 4096].randomElement(using: &random) ?? 0
        fixture = LogFixture { $0 = settings }
        log = try fixture.open()
    }

    mutating func expect(_ condition: Bool, _ what: String) {
        guard !condition else { return }
        mismatches.append(what)
        journal.append("MISMATCH: " + what)
    }

    mutating func step() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: try append()
        case 45..<58: try end()
        case 58..<63: try appendDuplicate()
        case 63..<78: try read()
        case 78..<82: try flush()
        case 82..<85: journal.append("roll \(try log.roll())")
        case 85..<88: try truncate()
        case 88..<91: try deleteRecords()
        case 91..<96: try reopen(clean: true)
        default: try reopen(clean: false)
        }
        expect(log.logStartOffset == model.start, "start \(log.logStartOffset), not \(model.start)")
        expect(log.logEndOffset == model.end, "end \(log.logEndOffset), not \(model.end)")
        expect(
            log.lastStableOffset == model.lastStableOffset,
            "stable \(log.lastStableOffset), not \(model.lastStableOffset)"
        )
    }

    mutating func batch() -> TestBatch {
        let values = (0..<Int.random(in: 1...4, using: &random)).map { index in
            "\(counter).\(index)" + String(repeating: "-", count: Int.random(in: 0..<40, using: &random))
        }
        counter += 1
        var batch = TestBatch(values)
        let id = Int64.random(in: 0..<4, using: &random)
        guard id > 0 else { return batch }
        let state = model.state(of: id)
        var epoch = state?.epoch ?? 0
        var sequence = state?.next ?? 0
        if model.open[id] == nil, Int.random(in: 0..<10, using: &random) == 0 {
            epoch += 1
            sequence = 0
        }
        let isTransactional = id < 3 && (model.open[id] != nil || Bool.random(using: &random))
        batch = batch.from(id, epoch: epoch, sequence: sequence, transactional: isTransactional)
        return batch
    }

    mutating func append() throws {
        let batch = batch()
        journal.append("append \(batch)")
        let result = try log.append(batch)
        expect(result.baseOffset == model.end && !result.isDuplicate, "appended at \(result), not \(model.end)")
        model.append(batch)
    }

    mutating func appendDuplicate() throws {
        let id = Int64.random(in: 1..<4, using: &random)
        guard let last = model.state(of: id)?.last, last.baseOffset >= model.start else { return }
        var batch = TestBatch(last.values)
        batch = batch.from(id, epoch: last.producer.epoch, sequence: last.sequence, transactional: last.isTransactional)
        journal.append("repeat \(batch)")
        let result = try log.append(batch)
        expect(result.isDuplicate && result.baseOffset == last.baseOffset, "repeated \(last): \(result)")
    }

    mutating func end() throws {
        let id = Int64.random(in: 1..<3, using: &random)
        let epoch = (model.state(of: id)?.epoch ?? 0) + (Bool.random(using: &random) ? 1 : 0)
        let result = Bool.random(using: &random) ? TransactionResult.commit : .abort
        journal.append("\(result) \(id)@\(epoch)")
        try log.end(result, id, epoch: epoch)
        model.append(result, ProducerIdentity(id: id, epoch: epoch))
    }

    mutating func read() throws {
        let offset = Int64.random(in: model.start...model.end, using: &random)
        let maximumBytes = [1, 100, 1_000, 1 << 20].randomElement(using: &random) ?? 1
        let all = try log.records(from: offset, maximumBytes: maximumBytes).map(\.timeless)
        expect(all == model.records(from: offset, upTo: model.end), "read from \(offset): \(all)")
        guard offset <= model.lastStableOffset else { return }
        let committed = try log.records(from: offset, upTo: .lastStableOffset, maximumBytes: maximumBytes)
        let data = committed.filter { !$0.isControl }.map(\.timeless)
        expect(data == model.committed(from: offset), "read committed from \(offset): \(data)")
    }

    mutating func flush() throws {
        journal.append("flush")
        try log.flush(upTo: Int64.max)
        expect(log.durableEndOffset == model.end, "durable \(log.durableEndOffset), not \(model.end)")
        if Bool.random(using: &random) { recoveryPoint = log.durableEndOffset }
    }

    mutating func truncate() throws {
        let offset = Int64.random(in: model.start...model.end, using: &random)
        guard Bool.random(using: &random) else { return }
        journal.append("truncate \(offset)")
        recoveryPoint = min(recoveryPoint, offset)
        let end = try log.truncate(to: offset)
        recoveryPoint = min(recoveryPoint, end)
        model = model.prefix(upTo: end)
        expect(end <= offset, "truncated to \(end)")
        if let last = model.batches.last, last.nextOffset != end {
            // The log began within the batch that was cut off: it starts anew, knowing nobody.
            expect(last.nextOffset < model.start && end == model.start, "truncated to \(end)")
            model.batches = []
        }
    }

    mutating func deleteRecords() throws {
        let offset = Int64.random(in: model.start...model.end, using: &random)
        guard Bool.random(using: &random) else { return }
        journal.append("delete before \(offset)")
        try log.deleteRecords(before: offset)
        model.start = offset
    }

    mutating func reopen(clean: Bool) throws {
        journal.append(clean ? "close and open" : "kill and open from \(recoveryPoint)")
        if clean {
            try log.close(clean: true)
            expect(fixture.disk.openFileCount == 0, "\(fixture.disk.openFileCount) files are still open")
            recoveryPoint = model.end
        } else {
            try log.close(clean: false)
            fixture.disk = fixture.disk.crash(.keepEverything)
        }
        log = try fixture.open(clean: clean, recoveryPoint: recoveryPoint, logStartOffset: model.start)
        expect(log.recovery.truncation == nil, "\(log.recovery)")
        if clean { expect(log.recovery.repairs.isEmpty, "\(log.recovery)") }
    }

    mutating func check() throws {
        let all = try log.records().map(\.timeless)
        expect(all == model.records(from: model.start, upTo: model.end), "at last \(all)")
        let committed = try log.records(upTo: .lastStableOffset).filter { !$0.isControl }.map(\.timeless)
        expect(committed == model.committed(from: model.start), "at last committed \(committed)")
    }
}
