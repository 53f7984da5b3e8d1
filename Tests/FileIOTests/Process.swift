import Glibc
import SystemPackage

/// A child process in a process group of its own, with pipes for its input and output.
final class Process {
    let identifier: pid_t
    private let input: Int32
    private let output: Int32

    init(_ arguments: [String]) throws {
        var (ours, theirs) = ([Int32](repeating: 0, count: 2), [Int32](repeating: 0, count: 2))
        guard pipe(&theirs) == 0, pipe(&ours) == 0 else { throw Errno(rawValue: errno) }
        for end in theirs + ours { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, theirs[0], 0)
        posix_spawn_file_actions_adddup2(&actions, ours[1], 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            Glibc.close(theirs[0])
            Glibc.close(ours[1])
        }
        var texts = arguments.map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        var child: pid_t = 0
        let status = posix_spawn(&child, arguments[0], &actions, &attributes, &texts, environ)
        guard status == 0 else { throw Errno(rawValue: status) }
        identifier = child
        input = theirs[1]
        output = ours[0]
    }

    deinit {
        Glibc.close(input)
        Glibc.close(output)
    }

    /// The next byte of its output; nil at the end.
    func readByte() -> UInt8? {
        var byte: UInt8 = 0
        return read(output, &byte, 1) == 1 ? byte : nil
    }

    /// Waits for its end and returns its exit status; 128 and the signal's number if a signal ended it.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) == -1, errno == EINTR {}
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }
}
