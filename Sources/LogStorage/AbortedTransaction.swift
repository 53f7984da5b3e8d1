import MillracePrimitives

/// An aborted transaction, as a reader of committed data needs to know it and as a `.txnindex` holds it.
///
/// 34 bytes: version (int16, 0), producer id, first offset, last offset (that of the marker) and last stable offset, each
/// int64, big-endian (LE-13).
package struct AbortedTransaction: Hashable, Sendable {
    static let size = 34

    /// Whose records are to be left out.
    package var producerId: Int64
    /// The transaction's first record in the partition.
    package var firstOffset: Int64
    /// Its abort marker.
    package var lastOffset: Int64
    /// The last stable offset once the marker was there: beyond it, later entries have to be looked at.
    package var lastStableOffset: Int64

    package init(producerId: Int64, firstOffset: Int64, lastOffset: Int64, lastStableOffset: Int64) {
        self.producerId = producerId
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.lastStableOffset = lastStableOffset
    }

    func write(to writer: inout ByteWriter) {
        writer.append(Int16(0))
        writer.append(producerId)
        writer.append(firstOffset)
        writer.append(lastOffset)
        writer.append(lastStableOffset)
    }

    /// The entries of a transaction index; nil if it is not one.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> [AbortedTransaction]? {
        guard bytes.count.isMultiple(of: size) else { return nil }
        var result: [AbortedTransaction] = []
        result.reserveCapacity(bytes.count / size)
        var reader = ByteReader(bytes)
        do throws(ByteReaderError) {
            while !reader.isAtEnd {
                let version: Int16 = try reader.readInteger()
                guard version == 0 else { return nil }
                let entry = AbortedTransaction(
                    producerId: try reader.readInteger(),
                    firstOffset: try reader.readInteger(),
                    lastOffset: try reader.readInteger(),
                    lastStableOffset: try reader.readInteger()
                )
                guard entry.firstOffset >= 0, entry.lastOffset >= entry.firstOffset else { return nil }
                guard entry.lastOffset > result.last?.lastOffset ?? -1 else { return nil }
                result.append(entry)
            }
        } catch {
            return nil
        }
        return result
    }
}
