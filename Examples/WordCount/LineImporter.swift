import Foundation
import Millrace
import Synchronization

/// Brings the lines of text files into the topic `lines`, each once: how far a file was read is written in the same
/// transaction as its lines, so that a run that was killed goes on where it stopped.
struct LineImporter: Sendable {
    static let progressTopic = "imported-files"
    /// How many lines go into one transaction.
    static let transactionLines = 5_000
    /// The longest line that is kept whole; longer ones are cut, at white space where there is some.
    static let lineMaximum = 256 << 10

    let broker: EmbeddedBroker
    let counter: ImportCounter

    /// What was read of a file before: so many bytes, with this checksum.
    struct Progress: Codable, Sendable {
        var bytes: Int
        var checksum: UInt32
        var lines: Int
    }

    /// Imports the files that are new or have grown.
    func run(_ paths: [String]) async throws {
        let done = try await readProgress()
        let producer = try await TransactionalProducer(id: "word-count-import", on: broker)
        do {
            for path in paths {
                if Task.isCancelled { break }
                try await path == "-" ? importStandardInput(producer) : importFile(path, done[path], producer)
            }
        } catch {
            await producer.close()
            throw error
        }
        await producer.close()
    }

    /// What earlier runs have read, by path.
    func readProgress() async throws -> [String: Progress] {
        var settings = ConsumerSettings()
        settings.autoCommitInterval = nil
        let consumer = try await Consumer(on: broker, settings: settings)
        let partition = TopicPartition(Self.progressTopic, 0)
        try await consumer.assign([partition])
        var progress: [String: Progress] = [:]
        while try await consumer.lag()[partition] ?? 0 > 0 {
            for batch in try await consumer.poll(timeout: .milliseconds(100)) {
                for record in try batch.records() {
                    guard let path = record.keyText, let value = record.value else { continue }
                    progress[path] = try JSONDecoder().decode(Progress.self, from: Data(value))
                }
            }
        }
        await consumer.close()
        return progress
    }

    private func importFile(_ path: String, _ before: Progress?, _ producer: TransactionalProducer) async throws {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw InputError.unreadable(path, "it cannot be opened")
        }
        defer { try? handle.close() }
        var progress = Progress(bytes: 0, checksum: 0, lines: 0)
        if let before, try isSameBeginning(handle, before) {
            progress = before
            counter.skip(lines: before.lines)
        } else {
            try handle.seek(toOffset: 0)
        }
        var reader = LineReader(handle: handle, maximum: Self.lineMaximum)
        while !Task.isCancelled {
            let lines = try reader.next(Self.transactionLines)
            guard !lines.isEmpty else { return }
            for line in lines { progress.add(line) }
            let value = [UInt8](try JSONEncoder().encode(progress))
            try await producer.withTransaction { transaction in
                for line in lines {
                    try await transaction.enqueue(ProducerRecord(topic: WordCount.lines, value: line.text))
                }
                try await transaction.enqueue(
                    ProducerRecord(topic: Self.progressTopic, key: Array(path.utf8), value: value)
                )
            }
            counter.add(lines: lines.count)
        }
    }

    /// Whether the file still begins with what was read of it; it is then positioned after that.
    private func isSameBeginning(_ handle: FileHandle, _ before: Progress) throws -> Bool {
        var left = before.bytes
        var checksum: UInt32 = 0
        while left > 0 {
            guard let data = try handle.read(upToCount: min(left, 1 << 20)), !data.isEmpty else { return false }
            checksum = data.withUnsafeBytes { CRC32C.checksum($0, continuing: checksum) }
            left -= data.count
        }
        return checksum == before.checksum
    }

    private func importStandardInput(_ producer: TransactionalProducer) async throws {
        var reader = LineReader(handle: .standardInput, maximum: Self.lineMaximum)
        while !Task.isCancelled {
            let lines = try reader.next(Self.transactionLines)
            guard !lines.isEmpty else { return }
            try await producer.withTransaction { transaction in
                for line in lines {
                    try await transaction.enqueue(ProducerRecord(topic: WordCount.lines, value: line.text))
                }
            }
            counter.add(lines: lines.count)
        }
    }
}

extension LineImporter.Progress {
    mutating func add(_ line: LineReader.Line) {
        checksum = line.text.withUnsafeBytes { CRC32C.checksum($0, continuing: checksum) }
        bytes += line.text.count
        if line.hasNewline {
            checksum = [UInt8(ascii: "\n")].withUnsafeBytes { CRC32C.checksum($0, continuing: checksum) }
            bytes += 1
        }
        lines += 1
    }
}

/// How many lines were imported, for the progress display.
final class ImportCounter: Sendable {
    private let imported = Atomic<Int>(0)
    private let skipped = Atomic<Int>(0)

    var importedLines: Int { imported.load(ordering: .relaxed) }
    var skippedLines: Int { skipped.load(ordering: .relaxed) }

    func add(lines: Int) { imported.add(lines, ordering: .relaxed) }
    func skip(lines: Int) { skipped.add(lines, ordering: .relaxed) }
}
