import ArgumentParser
import Foundation
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import SystemPackage

/// `millrace verify`.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks a data directory end to end, says what is wrong and what to do.",
        discussion: """
            Every batch is read and its checksum compared, every record decoded; indexes, snapshots and checkpoints are \
            compared with the batches, groups and transactions with the partitions. Nothing is changed, and an application \
            may use the directory meanwhile.

            A finding is damage (records cannot be read), repairable (opening the directory puts it right) or a notice. \
            With damage the command ends with 2.

            EXAMPLES
              millrace verify --data .data/word-count
              millrace verify --data .data/word-count --json
            """
    )

    @OptionGroup var directory: DataDirectoryOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
        struct Problem: Encodable {
            var severity: String
            var path: String
            var problem: String
            var advice: String
        }

        struct Partition: Encodable {
            var partition: String
            var segments: Int
            var batches: Int
            var records: Int
            var bytes: Int64
            var startOffset: Int64
            var endOffset: Int64
            var openTransactions: Int
        }

        var isSound: Bool
        var findings: [Problem]
        var partitions: [Partition]
    }

    func run() async throws {
        var check = DirectoryCheck(of: try directory.path())
        let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1
        try check.run { partition in
            if isTerminal { FileHandle.standardError.write(Data("\r\u{1B}[Kreading \(partition)".utf8)) }
        }
        if isTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
        try output.json ? show(json: check) : show(check)
        if check.worst == .damage { throw ExitCode(2) }
    }

    private func show(_ check: DirectoryCheck) {
        for finding in check.findings.sorted(by: { $0.severity > $1.severity }) {
            Output.line("\(finding.severity.rawValue): \(finding.path)")
            Output.line("    \(finding.problem)")
            Output.line("    what to do: \(finding.advice)")
        }
        let partitions = check.partitions
        let counts = [
            "\(partitions.count) partition\(partitions.count == 1 ? "" : "s")",
            "\(partitions.reduce(0) { $0 + $1.batches }) batches",
            "\(partitions.reduce(0) { $0 + $1.records }) records",
            Output.size(partitions.reduce(0) { $0 + $1.bytes }),
        ]
        let verdict =
            switch check.worst {
            case .damage: "DAMAGED"
            case .repairable: "sound after the next opening"
            case .notice, nil: "sound"
            }
        Output.line("read \(counts.joined(separator: ", ")): \(verdict)")
    }

    private func show(json check: DirectoryCheck) throws {
        try Output.document(
            Report(
                isSound: check.worst != .damage,
                findings: check.findings.map { finding in
                    Report.Problem(
                        severity: finding.severity.rawValue,
                        path: finding.path.string,
                        problem: finding.problem,
                        advice: finding.advice
                    )
                },
                partitions: check.partitions.map { partition in
                    Report.Partition(
                        partition: "\(partition.partition)",
                        segments: partition.segments,
                        batches: partition.batches,
                        records: partition.records,
                        bytes: partition.bytes,
                        startOffset: partition.offsets.lowerBound,
                        endOffset: partition.offsets.upperBound,
                        openTransactions: partition.openTransactions.count
                    )
                }
            )
        )
    }
}
