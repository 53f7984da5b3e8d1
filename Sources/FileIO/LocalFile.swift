import Synchronization
import SystemPackage

/// An open file of the operating system.
final class LocalFile: File {
    let path: FilePath
    private let descriptor: GuardedDescriptor
    private let isWritable: Bool
    /// Up to here the disk was asked to take what was written; -1 before the first write.
    private let handedOver = Atomic<Int64>(-1)
    /// How many bytes are written before the disk is asked to take them.
    private static let handOverSize: Int64 = 1 << 20

    init(owning descriptor: FileDescriptor, path: FilePath, isWritable: Bool) {
        self.descriptor = GuardedDescriptor(owning: descriptor)
        self.path = path
        self.isWritable = isWritable
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        try descriptor.use(.read, path) { descriptor in
            var done = 0
            // One call fills the buffer, unless the file ends within it or a signal or the kernel's limit of 2 GiB a
            // call cuts it short.
            while done < buffer.count {
                let count = try descriptor.read(
                    fromAbsoluteOffset: offset + Int64(done),
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                )
                if count == 0 { break }
                done += count
            }
            return done
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        guard isWritable else { throw FileError(.write, path, .notWritable) }
        try descriptor.use(.write, path) { descriptor in
            var done = 0
            while done < bytes.count {
                let count = try descriptor.write(
                    toAbsoluteOffset: offset + Int64(done),
                    UnsafeRawBufferPointer(rebasing: bytes[done...])
                )
                if count == 0 { throw Errno.ioError }
                done += count
            }
            handOver(descriptor, from: offset, to: offset + Int64(done))
        }
    }

    /// Lets the disk begin with what was written, a megabyte at a time, so that `synchronize()` finds little left to wait
    /// for. What it promises stays the same: a failure of the disk is reported there, too.
    private func handOver(_ descriptor: FileDescriptor, from start: Int64, to end: Int64) {
        var begin = handedOver.load(ordering: .relaxed)
        if begin < 0 || start < begin {
            begin = start
            handedOver.store(start, ordering: .relaxed)
        }
        guard end - begin >= Self.handOverSize else { return }
        SystemCall.beginWriteback(descriptor, from: begin, to: end)
        handedOver.store(end, ordering: .relaxed)
    }

    func size() throws(FileError) -> Int64 {
        try descriptor.use(.size, path) { try SystemCall.size(of: $0) }
    }

    func truncate(to size: Int64) throws(FileError) {
        guard isWritable else { throw FileError(.truncate, path, .notWritable) }
        try descriptor.use(.truncate, path) { try $0.resize(to: size) }
    }

    func synchronize() throws(FileError) {
        try descriptor.use(.synchronize, path) { try SystemCall.synchronizeData($0) }
    }

    func close() {
        descriptor.close()
    }
}

/// A lock of the operating system (flock) on an open file of its own.
final class LocalFileLock: FileLock {
    private let descriptor: GuardedDescriptor

    init(holding descriptor: consuming GuardedDescriptor) {
        self.descriptor = descriptor
    }

    func release() {
        // The lock belongs to this opening of the file, and ends with it.
        descriptor.close()
    }
}
