import MillracePrimitives
import MillraceRecordFormat
import Testing

@Suite("Batches one after the other")
struct RecordBatchesTests {
    private let batches: [[UInt8]]
    private let log: [UInt8]

    init() throws {
        batches = try (0..<3).map { number in
            var batch = try RecordBatchBuilder.batch([TestRecord("key \(number)", "value")])
            batch.withUnsafeMutableBytes {
                RecordBatchHeader.stamp($0, baseOffset: Int64(number), leaderEpoch: 0)
            }
            return batch
        }
        log = Array(batches.joined())
    }

    private func read(_ bytes: [UInt8], verifyingChecksums: Bool = true) throws -> (offsets: [Int64], position: Int) {
        try bytes.withUnsafeBytes { bytes in
            var walk = RecordBatches(bytes, verifyingChecksums: verifyingChecksums)
            var offsets: [Int64] = []
            while let batch = try walk.next() { offsets.append(batch.header.baseOffset) }
            return (offsets, walk.position)
        }
    }

    @Test("whole batches are read in their order")
    func whole() throws {
        let (offsets, position) = try read(log)
        #expect(offsets == [0, 1, 2])
        #expect(position == log.count)
    }

    @Test("no bytes hold no batch")
    func none() throws {
        let (offsets, position) = try read([])
        #expect(offsets == [])
        #expect(position == 0)
    }

    @Test("a batch at the end that is not whole is left out, wherever it is cut")
    func partialTail() throws {
        let whole = batches[0].count + batches[1].count
        for cut in whole..<log.count {
            let (offsets, position) = try read(Array(log[..<cut]))
            #expect(offsets == [0, 1], "cut at \(cut)")
            #expect(position == whole, "cut at \(cut)")
        }
    }

    @Test("a damaged batch is an error every time, and the position stays before it")
    func damaged() throws {
        var log = log
        log[batches[0].count + 70] ^= 1
        try log.withUnsafeBytes { bytes in
            var walk = RecordBatches(bytes)
            let first = try walk.next()
            #expect(first?.header.baseOffset == 0)
            for _ in 0..<2 {
                do throws(RecordFormatError) {
                    _ = try walk.next()
                    Issue.record("a damaged batch passed")
                } catch {
                    guard case .checksumMismatch = error else { throw error }
                }
                #expect(walk.position == batches[0].count)
            }
        }
        #expect(try read(log, verifyingChecksums: false).offsets == [0, 1, 2])
    }

    @Test("a length that no batch has is an error, not a partial batch", arguments: [-1, 0, 48, .min, .max] as [Int32])
    func impossibleLength(length: Int32) {
        var log = log
        log.store(length, at: batches[0].count + RecordBatchHeader.Field.length)
        #expect(throws: RecordFormatError.invalidLength(length)) { try read(log) }
    }

    @Test("zeros, such as a file that was extended and not written, are an error")
    func zeros() {
        #expect(throws: RecordFormatError.invalidLength(0)) { try read(log + [UInt8](repeating: 0, count: 100)) }
    }
}
