import MillracePrimitives

extension RecordBatch {
    /// Appends this batch to `output` with its records compressed in another way. Everything else stays as it is: the
    /// records are the same bytes, so that none of them has to be encoded anew.
    ///
    /// If it fails, `output` is as it was.
    package func append(
        to output: inout ByteWriter,
        recompressedWith compression: Compression,
        _ decompressor: inout Decompressor
    ) throws(RecordFormatError) {
        typealias Field = RecordBatchHeader.Field
        let start = output.count
        output.append(UnsafeRawBufferPointer(rebasing: bytes[..<RecordBatchHeader.size]))
        do throws(RecordFormatError) {
            try withRecords(&decompressor) { (records) throws(RecordFormatError) in
                try compression.compress(records, into: &output)
            }
            let limit = RecordBatchHeader.lengthOverhead + RecordBatchHeader.maximumBatchSize
            let size = output.count - start
            guard size <= limit else { throw .batchTooLarge(size: size, limit: limit) }
        } catch {
            output.truncate(to: start)
            throw error
        }
        let attributes = header.attributes.rawValue & ~0x07 | Int16(compression.codec.rawValue)
        output.overwrite(at: start + Field.length, with: Int32(output.count - start - RecordBatchHeader.lengthOverhead))
        output.overwrite(at: start + Field.attributes, with: attributes)
        let checksum = CRC32C.checksum(output.bytes(start + RecordBatchHeader.checksummedFrom..<output.count))
        output.overwrite(at: start + Field.checksum, with: checksum)
    }
}
