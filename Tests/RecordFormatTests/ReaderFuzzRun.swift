import MillracePrimitives
import MillraceRecordFormat

/// Puts bytes through every reader and checks what comes out against what is always true.
struct ReaderFuzzRun {
    /// How often bytes were read to their end, and how often a typed error came.
    private(set) var values = 0
    private(set) var errors = 0
    private let limit = 1 << 18

    /// Reads bytes as a batch, and as batches; returns what is wrong with the readers, if anything is.
    mutating func read(_ bytes: [UInt8]) -> String? {
        withGuardedBytes(bytes) { readBatches($0) ?? readBatch($0) }
    }

    /// Reads bytes as records, headers and compressed blocks, without a batch around them.
    mutating func readNoise(_ bytes: [UInt8], using random: inout SeededRandom) -> String? {
        let recordCount = Int.random(in: -1...20, using: &random)
        let lastOffsetDelta = Int32.random(in: 0...20, using: &random)
        return withGuardedBytes(bytes) { bytes in
            var decompressor = Decompressor(limit: limit)
            do throws(RecordFormatError) { _ = try RecordHeaders(decoding: bytes) } catch { errors += 1 }
            for codec in CompressionCodec.allCases {
                do throws(RecordFormatError) { try decompressor.decompress(bytes, codec) } catch { errors += 1 }
            }
            var cursor = RecordCursor(
                records: bytes,
                recordCount: recordCount,
                baseOffset: 5,
                lastOffsetDelta: lastOffsetDelta,
                baseTimestamp: .max,
                appendTimestamp: nil
            )
            return walk(&cursor, over: bytes, offsets: 5...25)
        }
    }

    private mutating func readBatches(_ bytes: UnsafeRawBufferPointer) -> String? {
        var batches = RecordBatches(bytes, verifyingChecksums: false)
        do throws(RecordFormatError) {
            while true {
                let start = batches.position
                guard let batch = try batches.next() else { break }
                guard batches.position == start + batch.bytes.count, batches.position <= bytes.count else {
                    return "the walk went from \(start) to \(batches.position)"
                }
            }
        } catch {
            errors += 1
        }
        return nil
    }

    private mutating func readBatch(_ bytes: UnsafeRawBufferPointer) -> String? {
        var decompressor = Decompressor(limit: limit)
        do throws(RecordFormatError) {
            let batch = try RecordBatch(reading: bytes, verifyingChecksum: false)
            guard contains(bytes, batch.bytes), contains(bytes, batch.recordBytes) else {
                return "the batch lies outside of the bytes"
            }
            let header = batch.header
            _ = (header.nextOffset, header.lastSequence, header.isIdempotent, "\(header)")
            do throws(RecordFormatError) { try batch.validateRecords(&decompressor) } catch { errors += 1 }
            do throws(RecordFormatError) { try header.verifyChecksum(of: bytes) } catch { errors += 1 }
            return try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) -> String? in
                var cursor = RecordCursor(header, records: records)
                return walk(&cursor, over: records, offsets: header.baseOffset...header.lastOffset)
            }
        } catch {
            errors += 1
            return "\(error)".isEmpty ? "the error says nothing" : nil
        }
    }

    private mutating func walk(
        _ cursor: inout RecordCursor,
        over records: UnsafeRawBufferPointer,
        offsets: ClosedRange<Int64>
    ) -> String? {
        do throws(RecordFormatError) {
            while let record = try cursor.next() {
                _ = cursor.scoutedKeys()
                guard offsets.contains(record.offset) else { return "offset \(record.offset) is not in \(offsets)" }
                for part in [record.key, record.value, record.headers] {
                    guard let part, part.count > 0 else { continue }
                    guard contains(records, part) else { return "record \(record.offset) lies outside of the bytes" }
                    _ = part.reduce(0) { $0 ^ $1 }
                }
                if let complaint = readHeaders(record) { return complaint }
                do throws(RecordFormatError) { _ = try EndTransactionMarker(record) } catch { errors += 1 }
                values += 1
            }
            try cursor.finish()
        } catch {
            errors += 1
        }
        return nil
    }

    /// What the cursor lets pass as headers can be decoded, but for names that are not text.
    private mutating func readHeaders(_ record: RecordView) -> String? {
        do throws(RecordFormatError) {
            _ = try RecordHeaders(decoding: record.headers)
        } catch .invalidRecord(_, .headerName) {
            errors += 1
        } catch {
            return "headers that the cursor let pass: \(error)"
        }
        return nil
    }

    private func contains(_ whole: UnsafeRawBufferPointer, _ part: UnsafeRawBufferPointer) -> Bool {
        guard let start = whole.baseAddress, let other = part.baseAddress else { return part.isEmpty }
        return other >= start && other + part.count <= start + whole.count
    }
}
