import MillraceFileIO
import SystemPackage

/// What stands in a partition's directory, after what interrupted calls left behind was swept up.
struct LogDirectory {
    /// Base offsets of the segments, ascending.
    private(set) var segments: [Int64] = []
    /// Base offsets of segments that have a transaction index.
    private(set) var transactionIndexes: Set<Int64> = []
    /// The offsets that there are snapshots of producer states for, ascending.
    private(set) var snapshots: [Int64] = []
    private(set) var hasLeaderEpochs = false

    /// Reads the directory. Half-made and half-removed files go; replacements that were complete take the place of what
    /// they replace (LE-85); files that are none of ours stay.
    static func sweep(
        _ directory: FilePath,
        _ fileSystem: any FileSystem,
        _ report: inout RecoveryReport
    ) throws(FileError) -> LogDirectory {
        var found = LogDirectory()
        var indexes: [(baseOffset: Int64, kind: SegmentFileKind)] = []
        var swaps: [(baseOffset: Int64, kind: SegmentFileKind)] = []
        var cleaned: [(baseOffset: Int64, kind: SegmentFileKind)] = []
        var leftovers: [FilePath] = []
        for entry in try fileSystem.contents(of: directory) {
            guard entry.kind == .file else {
                report.foreignFiles.append(directory.appending(entry.name))
                continue
            }
            if let (baseOffset, kind) = SegmentFileKind.parse(entry.name) {
                switch kind {
                case .log: found.segments.append(baseOffset)
                case .snapshot: found.snapshots.append(baseOffset)
                case .offsetIndex, .timeIndex: indexes.append((baseOffset, kind))
                case .transactionIndex:
                    indexes.append((baseOffset, kind))
                    found.transactionIndexes.insert(baseOffset)
                }
            } else if entry.name == LeaderEpochs.fileName {
                found.hasLeaderEpochs = true
            } else if let swap = name(entry.name, without: ".swap").flatMap({ SegmentFileKind.parse($0) }) {
                swaps.append(swap)
            } else if isLeftover(entry.name) {
                if let file = name(entry.name, without: ".cleaned").flatMap({ SegmentFileKind.parse($0) }) {
                    cleaned.append(file)
                }
                leftovers.append(directory.appending(entry.name))
            } else if entry.name != PartitionMetadata.fileName {
                report.foreignFiles.append(directory.appending(entry.name))
            }
        }
        found.segments.sort()
        found.snapshots.sort()
        if !swaps.isEmpty {
            try found.complete(swaps, cleaned, in: directory, fileSystem, &report)
            return try sweep(directory, fileSystem, &report)
        }
        for path in leftovers {
            try fileSystem.removeFile(path)
            report.removedLeftovers.append(path)
        }
        let known = Set(found.segments)
        for index in indexes where !known.contains(index.baseOffset) {
            let path = directory.appending(index.kind.fileName(index.baseOffset))
            try fileSystem.removeFile(path)
            report.removedLeftovers.append(path)
        }
        return found
    }

    private static func name(_ name: String, without suffix: String) -> String? {
        name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
    }

    private static func isLeftover(_ fileName: String) -> Bool {
        if let original = name(fileName, without: WholeFile.temporarySuffix) {
            return original == LeaderEpochs.fileName || original == PartitionMetadata.fileName
        }
        return [".deleted", ".cleaned"].contains { suffix in
            name(fileName, without: suffix).map { SegmentFileKind.parse($0) != nil } ?? false
        }
    }

    /// Finishes an interrupted compaction: a `.log.swap` is whole and replaces the segments whose offsets it covers
    /// (`SegmentSwap` says how that comes about).
    private func complete(
        _ swaps: [(baseOffset: Int64, kind: SegmentFileKind)],
        _ cleaned: [(baseOffset: Int64, kind: SegmentFileKind)],
        in directory: FilePath,
        _ fileSystem: any FileSystem,
        _ report: inout RecoveryReport
    ) throws(FileError) {
        func remove(_ path: FilePath) throws(FileError) {
            try fileSystem.removeFile(path)
            report.removedLeftovers.append(path)
        }
        let decided = Set(swaps.filter { $0.kind == .log }.map(\.baseOffset))
        for (base, kind) in swaps where !decided.contains(base) {
            // Either the replacement was not decided, or Kafka, which renames the log first, was stopped before it
            // renamed this index: the one in place may be an older segment's, so it is built again.
            try remove(directory.appending(kind.fileName(base) + SegmentFileSuffix.swap.rawValue))
            if kind == .offsetIndex || kind == .timeIndex { try remove(directory.appending(kind.fileName(base))) }
        }
        for base in decided.sorted() {
            // Kafka renames one after the other; what it had not come to belongs to the replacement all the same.
            for leftover in cleaned where leftover.baseOffset == base && leftover.kind != .log {
                let name = leftover.kind.fileName(base)
                try fileSystem.rename(
                    directory.appending(name + SegmentFileSuffix.cleaned.rawValue),
                    to: directory.appending(name + SegmentFileSuffix.swap.rawValue)
                )
            }
            let end = try endOffset(ofSwap: base, in: directory, fileSystem, &report)
            let replaced = segments.filter { $0 > base && $0 < end }
            try SegmentSwap(baseOffset: base, replaced: replaced, directory: directory, fileSystem: fileSystem)
                .complete()
            report.removedLeftovers += replaced.map { directory.appending(SegmentFileKind.log.fileName($0)) }
        }
        try fileSystem.synchronizeDirectory(directory)
    }

    /// The offset after the last batch of a segment that is to replace others.
    private func endOffset(
        ofSwap base: Int64,
        in directory: FilePath,
        _ fileSystem: any FileSystem,
        _ report: inout RecoveryReport
    ) throws(FileError) -> Int64 {
        let name = SegmentFileKind.log.fileName(base) + SegmentFileSuffix.swap.rawValue
        let file = try fileSystem.open(directory.appending(name), .readOnly)
        defer { file.close() }
        var scanner = SegmentScanner(file, baseOffset: base, from: 0, size: try file.size(), nextOffset: base)
        do throws(SegmentScanError) {
            while try scanner.next({ _, _ in }) != nil {}
        } catch {
            // A damaged one is taken over as it is: reading the segment will name the place.
        }
        report.bytesRead += scanner.bytesRead
        return scanner.nextOffset
    }
}
