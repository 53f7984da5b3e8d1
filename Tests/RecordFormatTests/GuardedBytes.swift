import MillraceRecordFormat

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Calls `body` with a copy of some bytes that ends where a page begins that nobody may read: a read past the end kills
/// the test run on the spot, with or without a sanitizer.
func withGuardedBytes<Result>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let page = Int(getpagesize())
    let size = (bytes.count + page - 1) / page * page + page
    guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        memory != MAP_FAILED
    else { return try bytes.withUnsafeBytes { try body($0) } }
    defer { munmap(memory, size) }
    mprotect(memory + (size - page), page, PROT_NONE)
    let copy = UnsafeMutableRawBufferPointer(start: memory + (size - page - bytes.count), count: bytes.count)
    copy.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(copy))
}

/// The error that reading ends with, if it does.
func formatError(_ body: () throws(RecordFormatError) -> Void) -> RecordFormatError? {
    do throws(RecordFormatError) {
        try body()
        return nil
    } catch {
        return error
    }
}
