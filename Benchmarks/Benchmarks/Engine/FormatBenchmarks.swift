import Benchmark
import Millrace

/// Records into batches and out of them, without a log.
func formatBenchmarks() {
    Benchmark("encode 1,000 records") { benchmark in
        let builder = RecordBatchBuilder(capacity: 256 << 10)
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            builder.reset()
            Samples.fill(builder)
            blackHole(try builder.seal().count)
        }
    }

    Benchmark("decode 1,000 records") { benchmark in
        let bytes = try Samples.bytes()
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { blackHole(try walk(bytes)) }
    }

    Benchmark("CRC-32C of 1 MiB") { benchmark in
        let bytes = [UInt8](repeating: 0x5a, count: 1 << 20)
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { blackHole(bytes.withUnsafeBytes { CRC32C.checksum($0) }) }
    }

    Benchmark("memcpy of 1 MiB") { benchmark in
        let source = [UInt8](repeating: 0x5a, count: 1 << 20)
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 64)
        defer { target.deallocate() }
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            source.withUnsafeBytes { target.copyMemory(from: $0) }
            blackHole(target[source.count - 1])
        }
    }

    let codecs: [(String, Compression)] = [
        ("gzip", .gzip()), ("snappy", Compression(.snappy)), ("lz4", Compression(.lz4)), ("zstd", Compression(.zstd)),
    ]
    for (name, compression) in codecs {
        Benchmark("encode 1,000 records, \(name)") { benchmark in
            let builder = RecordBatchBuilder(capacity: 256 << 10, compression: compression)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                builder.reset()
                Samples.fill(builder)
                blackHole(try builder.seal().count)
            }
        }

        Benchmark("decode 1,000 records, \(name)") { benchmark in
            let bytes = try Samples.bytes(compression)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { blackHole(try walk(bytes)) }
        }
    }
}

/// Reads every record of a batch; the sum of the values' lengths.
private func walk(_ bytes: [UInt8]) throws -> Int {
    var decompressor = Decompressor()
    return try bytes.withUnsafeBytes { bytes in
        let batch = try RecordBatch(reading: bytes)
        return try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) in
            var cursor = RecordCursor(batch.header, records: records)
            var sum = 0
            while let record = try cursor.next() { sum += record.value?.count ?? 0 }
            return sum
        }
    }
}
