#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the process uses, as the operating system counts it.
package enum Resources {
    /// Processor time of all threads so far, in seconds.
    package static var cpuSeconds: Double {
        var usage = rusage()
        getrusage(.init(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Begins a new measurement of the peak, where the system can (Linux).
    package static func resetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    /// The most memory in use since `resetPeak`, in bytes; 0 if it is not known.
    package static var peakBytes: Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("VmHWM:") else { continue }
            return (Int(text.split(whereSeparator: { !$0.isNumber }).first ?? "") ?? 0) << 10
        }
        return 0
    }

    /// Times a piece of work on the calling thread.
    package static func sample(records: Int64, _ work: () throws -> Void) rethrows -> Sample {
        resetPeak()
        let cpu = cpuSeconds
        let clock = ContinuousClock()
        let start = clock.now
        try work()
        return Sample(
            seconds: (clock.now - start).inSeconds,
            cpuSeconds: cpuSeconds - cpu,
            peakBytes: peakBytes,
            commits: 1,
            records: Int(records)
        )
    }

    /// Writes a file of so many bytes, a megabyte at a time, waits until it is on the disk, and removes it.
    package static func writeFile(_ path: String, bytes: Int) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard file >= 0 else { throw CannotWrite(path: path) }
        defer {
            close(file)
            unlink(path)
        }
        let piece = [UInt8](repeating: 0x5a, count: 1 << 20)
        var left = bytes
        while left > 0 {
            let count = write(file, piece, min(left, piece.count))
            guard count > 0 else { throw CannotWrite(path: path) }
            left -= count
        }
        guard fdatasync(file) == 0 else { throw CannotWrite(path: path) }
    }

    /// Makes what follows independent of what ran before: the disk holds all that was written, and there is free memory
    /// that was in use a moment ago. A virtual machine gives memory that was free for a while back to its host, and pays
    /// ten times as much for the first touch as for the next: files that are written would cost whatever ran before.
    package static func levelGround() {
        sync()
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        let size = min(pages / 8 * pageSize, 1 << 30)
        guard size > 0, let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != MAP_FAILED
        else { return }
        for offset in stride(from: 0, to: size, by: pageSize) {
            memory.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
        }
        munmap(memory, size)
    }

    package static func makeDirectory(_ path: String) {
        mkdir(path, 0o755)
    }

    package static func printError(_ text: String) {
        text.withCString { text in _ = write(STDERR_FILENO, text, strlen(text)) }
    }

    package static func exit(_ code: Int32) -> Never {
        #if canImport(Glibc)
        Glibc.exit(code)
        #elseif canImport(Musl)
        Musl.exit(code)
        #else
        Darwin.exit(code)
        #endif
    }
}

/// A file of a measurement could not be written.
package struct CannotWrite: Error, CustomStringConvertible {
    package let path: String

    package var description: String { "cannot write \(path); is the disk full?" }
}
