import MillraceFileIO
import SystemPackage

/// Names a fault, so that it can be lifted.
package struct FaultID: Hashable, Sendable {
    var number: Int
}

/// Which calls of a simulated file system are refused, and why.
struct FaultPlan: Sendable {
    /// What becomes of a call.
    enum Verdict {
        case allowed
        case refused(FileError.Reason)
        /// The machine stops within this call: a write may be done in part.
        case crashing
    }

    private struct Fault: Sendable {
        var id: FaultID
        var reason: FileError.Reason
        var operation: FileError.Operation?
        var matches: @Sendable (FilePath) -> Bool
        var callsToSkip: Int
        /// nil: until it is lifted.
        var timesLeft: Int?
    }

    private var faults: [Fault] = []
    private var callsUntilCrash: Int?
    private(set) var isCrashed = false
    /// How many calls met a fault; those after the machine stopped do not count.
    private(set) var metCount = 0
    private var lastNumber = 0

    mutating func crash(after calls: Int) {
        precondition(calls >= 1, "calls are counted from 1")
        callsUntilCrash = calls
    }

    mutating func add(
        _ reason: FileError.Reason,
        operation: FileError.Operation?,
        skipping callsToSkip: Int,
        times: Int?,
        matches: @escaping @Sendable (FilePath) -> Bool
    ) -> FaultID {
        lastNumber += 1
        let id = FaultID(number: lastNumber)
        faults.append(
            Fault(
                id: id,
                reason: reason,
                operation: operation,
                matches: matches,
                callsToSkip: callsToSkip,
                timesLeft: times
            )
        )
        return id
    }

    mutating func lift(_ id: FaultID) {
        faults.removeAll { $0.id == id }
    }

    mutating func liftAll() {
        faults.removeAll()
        callsUntilCrash = nil
    }

    /// Decides about the next call.
    mutating func verdict(on operation: FileError.Operation, _ path: FilePath) -> Verdict {
        if isCrashed { return .refused(.crashed) }
        if let calls = callsUntilCrash {
            callsUntilCrash = calls - 1
            isCrashed = calls == 1
            if isCrashed {
                metCount += 1
                return .crashing
            }
        }
        for index in faults.indices {
            let fault = faults[index]
            guard fault.operation == nil || fault.operation == operation, fault.matches(path) else { continue }
            if fault.callsToSkip > 0 {
                faults[index].callsToSkip -= 1
                continue
            }
            if let timesLeft = fault.timesLeft {
                if timesLeft == 1 { faults.remove(at: index) } else { faults[index].timesLeft = timesLeft - 1 }
            }
            metCount += 1
            return .refused(fault.reason)
        }
        return .allowed
    }
}
