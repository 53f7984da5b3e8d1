import Dispatch
import Foundation
import Workloads

/// `hot-paths list`, `hot-paths run PATH DIRECTORY`, `hot-paths compare FILE TOOLCHAIN PROFILES`, `hot-paths record …`; run
/// by `scripts/count-instructions`.
let records: Int64 = 50_000

func path(named name: String) throws -> HotPath {
    guard let path = HotPath.allCases.first(where: { $0.name == name }) else { throw Mistake("no path \(name)") }
    return path
}

struct Mistake: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func counts(toolchain: String, profiles directory: String) throws -> InstructionCounts {
    var counts = InstructionCounts(toolchain: toolchain)
    for path in HotPath.allCases {
        let profile = CallgrindProfile(text: try String(contentsOfFile: "\(directory)/\(path.name)", encoding: .utf8))
        guard profile.total > 0 else {
            throw Mistake("nothing was counted of \(path.name): is \(path.counted) renamed?")
        }
        counts.add(profile, of: path.name, records: records)
    }
    return counts
}

func run(_ arguments: [String]) async throws -> Int32 {
    switch (arguments.first, arguments.count) {
    case ("list", 1):
        for path in HotPath.allCases { print(path.name, path.counted.joined(separator: " ")) }
    case ("run", 3):
        try await path(named: arguments[1]).run(records: records, in: arguments[2])
    case ("record", 4):
        try counts(toolchain: arguments[2], profiles: arguments[3]).text
            .write(toFile: arguments[1], atomically: true, encoding: .utf8)
    case ("compare", 4):
        let before = InstructionCounts(text: try String(contentsOfFile: arguments[1], encoding: .utf8))
        let now = try counts(toolchain: arguments[2], profiles: arguments[3])
        guard before.toolchain == now.toolchain else {
            print("NOT COMPARED: counted with \(before.toolchain), and this is \(now.toolchain)")
            return 0
        }
        let (report, isWorse) = now.compared(with: before)
        print(report, terminator: "")
        if isWorse {
            print(
                "a hot path costs over 5 % more: make it cheaper, or say why and record it: make count-instructions ARGS=--record"
            )
            return 1
        }
    default:
        throw Mistake("usage: hot-paths list | run PATH DIRECTORY | compare FILE TOOLCHAIN PROFILES | record …")
    }
    return 0
}

// Not `await` at the top: leaving the main thread to the dispatcher ends it, which Valgrind does not survive.
let isDone = DispatchSemaphore(value: 0)
nonisolated(unsafe) var status: Int32 = 0  // written before the signal, read after it
Task.detached {
    do {
        status = try await run(Array(CommandLine.arguments.dropFirst()))
    } catch {
        FileHandle.standardError.write(Data("hot-paths: \(error)\n".utf8))
        status = 1
    }
    isDone.signal()
}
isDone.wait()
exit(status)
