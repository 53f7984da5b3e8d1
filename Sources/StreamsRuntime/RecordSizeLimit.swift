import MillracePrimitives
import MillraceRecordFormat

/// How large a record of one topic may be, and a batch of them.
struct RecordSizeLimit {
    /// The largest sum of key, value and headers that needs no closer look, in bytes.
    let sureSizeMax: Int
    /// The largest batch before compression, in bytes.
    let batchSizeMax: Int
    private let recordSizeMax: Int
    private let topicMax: Int

    /// What surrounds key, value and headers in a batch of one record takes no more than this.
    private static let frameSizeMax = RecordBatchHeader.size + 40

    /// - Parameters:
    ///   - recordSizeMax: `StreamsConfiguration.maximumRecordSize`, in bytes of key, value and headers.
    ///   - topicMax: the topic's `max.message.bytes`; nil if that is not known, and left to the log.
    ///   - isCompressed: whether batches are compressed, which makes bytes that cannot be compressed a little more.
    init(recordSizeMax: Int = Int.max, topicMax: Int? = nil, isCompressed: Bool = false) {
        let topicMax = topicMax ?? Int.max
        self.recordSizeMax = recordSizeMax
        self.topicMax = topicMax
        batchSizeMax = isCompressed && topicMax < Int.max ? max(0, topicMax - topicMax / 64 - 128) : topicMax
        sureSizeMax = min(recordSizeMax, max(0, batchSizeMax - Self.frameSizeMax))
    }

    /// Why a record with so many bytes of key, value and encoded headers is too large; nil if it is not.
    func problem(_ keyCount: Int, _ valueCount: Int, _ headersCount: Int) -> String? {
        let size = keyCount + valueCount + headersCount
        if size <= sureSizeMax { return nil }
        if size > recordSizeMax { return "has \(size) bytes, and maximumRecordSize allows \(recordSizeMax)" }
        let body =
            3 + Varint.size(Int64(keyCount)) + keyCount + Varint.size(Int64(valueCount)) + valueCount
            + max(headersCount, 1)
        let batch = RecordBatchHeader.size + Varint.size(Int64(body)) + body
        return batch > batchSizeMax
            ? "takes \(batch) bytes as a batch, and max.message.bytes of the topic allows \(topicMax)" : nil
    }
}
