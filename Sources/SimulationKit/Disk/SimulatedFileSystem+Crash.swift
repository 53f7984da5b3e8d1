import MillraceFileIO
import MillracePrimitives
import Synchronization
import SystemPackage

/// What a crash leaves.
package enum SimulatedCrash: Sendable {
    /// Power loss; whatever was not synchronized is gone.
    case loseAllUnsynced
    /// A killed process: the kernel lives on, and with it everything that was written. What was not synchronized is as
    /// much at risk as before.
    case keepEverything
}

extension SimulatedFileSystem {
    /// The file system after power loss. Each write and each change of names that was not synchronized survives, in part
    /// (by sectors of 512 bytes) or not at all, as `random` decides. Nobody has a file open or locked; no faults.
    package func crash(using random: inout some RandomNumberGenerator) -> SimulatedFileSystem {
        let disk = state.withLock { $0.disk }.losingSome(using: &random)
        return SimulatedFileSystem(disk: disk, seed: random.next())
    }

    /// The file system after a crash of the given kind. Nobody has a file open or locked; no faults.
    package func crash(_ crash: SimulatedCrash) -> SimulatedFileSystem {
        let (disk, seed) = state.withLock { ($0.disk, $0.random.next()) }
        switch crash {
        case .loseAllUnsynced:
            return SimulatedFileSystem(disk: disk.losingUnsynced(), seed: seed)
        case .keepEverything:
            var kept = disk
            kept.forgetUnreachable(kept: [])
            return SimulatedFileSystem(disk: kept, seed: seed)
        }
    }

    /// Stops the machine within the `calls`-th call from now on (1: the next): a write is done in part, any other call
    /// not at all, and from then on every call throws `crashed`.
    package func failAfter(calls: Int) {
        state.withLock { $0.faults.crash(after: calls) }
    }

    /// Whether the machine has stopped.
    package var isCrashed: Bool { state.withLock { $0.faults.isCrashed } }

    /// Refuses calls with `reason`: those of one operation, or of any; those whose path `matches`; after letting
    /// `callsToSkip` of them pass; so many times, or until it is lifted.
    ///
    /// A refused call does nothing, but a refused `synchronize` of a file has the effect that it has on Linux: what was
    /// written before is not made durable by a later one either.
    @discardableResult
    package func fail(
        with reason: FileError.Reason,
        on operation: FileError.Operation? = nil,
        skipping callsToSkip: Int = 0,
        times: Int? = 1,
        where matches: @escaping @Sendable (FilePath) -> Bool = { _ in true }
    ) -> FaultID {
        state.withLock { state in
            state.faults.add(reason, operation: operation, skipping: callsToSkip, times: times, matches: matches)
        }
    }

    /// Ends a fault.
    package func lift(_ fault: FaultID) {
        state.withLock { $0.faults.lift(fault) }
    }

    /// Ends all faults, and a crash that has not come yet.
    package func liftFaults() {
        state.withLock { $0.faults.liftAll() }
    }

    /// Limits what all files together can hold; a write that goes beyond is done as far as there is room, and throws
    /// `noSpace`. nil for no limit.
    package func limitSpace(toBytes capacity: Int?) {
        state.withLock { $0.capacity = capacity }
    }
}
