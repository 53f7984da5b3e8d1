import ArgumentParser
import Foundation
import MillraceFileIO
import MillraceLogStorage
import SystemPackage

/// `millrace dump-log`.
struct DumpLogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump-log",
        abstract: "Shows what the files of a partition hold: segments, indexes, snapshots, checkpoints.",
        discussion: """
            Takes files and partition directories, also of Apache Kafka's. The records of the broker's own topics \
            (__consumer_offsets and __transaction_state) are decoded. With --json every line is an object. Ends with 2 if \
            something is damaged.

            EXAMPLES
              millrace dump-log .data/word-count/lines-0
              millrace dump-log .data/word-count/word-counts-1/00000000000000000000.log --records --values int64
              millrace dump-log .data/word-count/__transaction_state-0 --records
            """
    )

    @Argument(help: "Files, or partition directories.")
    var paths: [String]

    @Flag(help: "Show the records of each batch.")
    var records = false

    @Option(help: "Show batches with this offset or later ones only.")
    var from: Int64 = 0

    @Option(help: "Stop after this many batches of each segment.")
    var max: Int?

    @OptionGroup var format: FormatOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let fileSystem = LocalFileSystem()
        let dump = LogDump(
            fileSystem: fileSystem,
            writer: DumpWriter(isJSON: output.json),
            format: format,
            showsRecords: records,
            from: from,
            maximumBatches: max ?? Int.max
        )
        var isSound = true
        for path in paths.map({ FilePath($0) }) {
            switch try fileSystem.kind(of: path) {
            case .directory:
                let names = try fileSystem.contents(of: path).map(\.name)
                let files = names.filter { LogInspection.content(ofFile: $0) != nil }
                guard !files.isEmpty else { throw CommandFailure("\(path) holds no files of a partition's log") }
                for name in files { isSound = try dump.show(path.appending(name)) && isSound }
            case .file, .other: isSound = try dump.show(path) && isSound
            case nil: throw CommandFailure("there is no file or directory \(path)")
            }
        }
        if !isSound { throw ExitCode(2) }
    }
}
