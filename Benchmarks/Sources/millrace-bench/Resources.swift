#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the process uses, as the operating system counts it.
enum Resources {
    /// Processor time of all threads so far, in seconds.
    static var cpuSeconds: Double {
        var usage = rusage()
        getrusage(.init(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// Begins a new measurement of the peak, where the system can (Linux).
    static func resetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    /// The most memory in use since `resetPeak`, in bytes; 0 if it is not known.
    static var peakBytes: Int {
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

    /// Waits until the disk holds all that was written, so that one measurement does not pay for the one before.
    static func writeBack() {
        sync()
    }

    static func makeDirectory(_ path: String) {
        mkdir(path, 0o755)
    }

    static func printError(_ text: String) {
        text.withCString { text in _ = write(STDERR_FILENO, text, strlen(text)) }
    }

    static func exit(_ code: Int32) -> Never {
        #if canImport(Glibc)
        Glibc.exit(code)
        #elseif canImport(Musl)
        Musl.exit(code)
        #else
        Darwin.exit(code)
        #endif
    }
}
