import Synchronization
import SystemPackage

/// A file descriptor that closes once and is never used after that, even if one thread closes it while others read.
///
/// A descriptor's number is given to the next file that is opened, so that a call on a closed one could hit a stranger's
/// file. Every call therefore enters before and leaves after; the descriptor is closed by `close` or, if calls are
/// under way, by the last of them. Entering and leaving cost one atomic operation each.
struct GuardedDescriptor: ~Copyable, Sendable {
    /// Bit 0: closing was asked for. The rest: twice the number of calls under way.
    private let state = Atomic<UInt64>(0)
    private let descriptor: FileDescriptor

    private static let closing: UInt64 = 1
    private static let oneCall: UInt64 = 2

    /// Takes ownership of an open descriptor.
    init(owning descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        close()
    }

    /// Runs `body` with the descriptor, or throws `closed`.
    func use<Result>(
        _ operation: FileError.Operation,
        _ path: FilePath,
        _ body: (FileDescriptor) throws -> Result
    ) throws(FileError) -> Result {
        guard enter() else { throw FileError(operation, path, .closed) }
        defer { leave() }
        return try attempt(operation, path) { try body(descriptor) }
    }

    /// Closes the descriptor as soon as no call is under way; calls that begin later are refused. Twice is fine.
    func close() {
        let before = state.bitwiseOr(Self.closing, ordering: .acquiringAndReleasing).oldValue
        if before == 0 { closeNow() }
    }

    private func enter() -> Bool {
        var seen = state.load(ordering: .relaxed)
        while seen & Self.closing == 0 {
            let (exchanged, original) = state.weakCompareExchange(
                expected: seen,
                desired: seen + Self.oneCall,
                ordering: .acquiringAndReleasing
            )
            if exchanged { return true }
            seen = original
        }
        return false
    }

    private func leave() {
        let after = state.subtract(Self.oneCall, ordering: .acquiringAndReleasing).newValue
        if after == Self.closing { closeNow() }
    }

    private func closeNow() {
        // Nothing depends on the answer: what must be durable was synchronized before, and the number is free either
        // way (close is not to be repeated after EINTR on Linux).
        try? descriptor.close()
    }
}
