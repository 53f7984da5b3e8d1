import MillracePrimitives
import MillraceRecordFormat
import MillraceStreamsRuntime

/// The headers of the record under way, as one operator of a task reads them and replaces them for those after it.
///
/// Owned by the task's thread. The bytes that it writes are good until its next record.
@usableFromInline
final class HeaderScope {
    @usableFromInline let record: UnsafeMutablePointer<CurrentRecord>
    private var encoded = ByteWriter()

    @usableFromInline
    init(_ context: TaskContext) {
        record = context.record
    }

    /// The headers of the record under way.
    @inlinable
    func current() throws -> RecordHeaders {
        // Most records have none; then nothing is decoded.
        record.pointee.headers.count > 1 ? try decoded() : []
    }

    @usableFromInline
    func decoded() throws -> RecordHeaders { try RecordHeaders(decoding: record.pointee.headers) }

    /// Passes on with other headers; what comes after that has the former ones again.
    @inlinable
    func replacing(_ former: RecordHeaders, with headers: RecordHeaders, _ body: () throws -> Void) throws {
        if headers == former { return try body() }
        try using(headers, body)
    }

    /// Passes on with these headers; what comes after that has the former ones again.
    @usableFromInline
    func using(_ headers: RecordHeaders, _ body: () throws -> Void) throws {
        let (before, source) = (record.pointee.headers, record.pointee.sourceHeaders)
        defer {
            record.pointee.headers = before
            record.pointee.sourceHeaders = source
        }
        record.pointee.sourceHeaders = source ?? before
        record.pointee.headers = encode(headers)
        try body()
    }

    @usableFromInline
    func encode(_ headers: RecordHeaders) -> UnsafeRawBufferPointer {
        guard !headers.isEmpty else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        encoded.removeAll()
        headers.encode(into: &encoded)
        return encoded.bytes
    }
}
