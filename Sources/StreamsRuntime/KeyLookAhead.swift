import MillraceRecordFormat
import MillraceStateStores

/// Brings the stores' entries for the keys of the next records into the processor's cache, several at a time.
///
/// A table larger than the cache costs two waits for memory a record, one after the other. Asked for ahead, those of
/// many records overlap, and processing finds them there.
@usableFromInline
package final class KeyLookAhead {
    private static let distance = 16

    private let tables: [ByteTable]
    private let keys = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: distance)

    init(_ tables: [ByteTable]) {
        self.tables = tables
        keys.initialize(repeating: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    deinit {
        keys.deallocate()
    }

    /// Warms the stores for the records that come next.
    @usableFromInline
    package func warm(_ cursor: inout RecordCursor) {
        let found = UnsafeBufferPointer(rebasing: keys[..<cursor.scout(keys)])
        for table in tables { table.prefetch(found) }
    }
}
