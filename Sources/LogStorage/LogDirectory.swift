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
                let path = directory.appending(entry.name)
                try fileSystem.removeFile(path)
                report.removedLeftovers.append(path)
            } else if entry.name != PartitionMetadata.fileName {
                report.foreignFiles.append(directory.appending(entry.name))
            }
        }
        found.segments.sort()
        found.snapshots.sort()
        if !swaps.isEmpty {
            try found.complete(swaps, in: directory, fileSystem, &report)
            return try sweep(directory, fileSystem, &report)
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

    /// Finishes an interrupted compaction: `.swap` files are whole and replace the segments whose offsets they cover.
    private func complete(
        _ swaps: [(baseOffset: Int64, kind: SegmentFileKind)],
        in directory: FilePath,
        _ fileSystem: any FileSystem,
        _ report: inout RecoveryReport
    ) throws(FileError) {
        func swapPath(_ swap: (baseOffset: Int64, kind: SegmentFileKind)) -> FilePath {
            directory.appending(swap.kind.fileName(swap.baseOffset) + ".swap")
        }
        for swap in swaps where swap.kind == .log {
            let file = try fileSystem.open(swapPath(swap), .readOnly)
            defer { file.close() }
            var scanner = SegmentScanner(
                file,
                baseOffset: swap.baseOffset,
                from: 0,
                size: try file.size(),
                nextOffset: swap.baseOffset
            )
            report.bytesRead += scanner.bytesRead
            do throws(SegmentScanError) {
                while try scanner.next({ _, _ in }) != nil {}
            } catch {
                // A damaged one is taken over as it is: reading the segment will name the place.
            }
            for base in segments where base > swap.baseOffset && base < scanner.nextOffset {
                for kind in SegmentFileKind.allCases {
                    let path = directory.appending(kind.fileName(base))
                    try fileSystem.removeFile(path)
                    report.removedLeftovers.append(path)
                }
            }
        }
        // The log last: with it, the replacement has happened.
        for swap in swaps.sorted(by: { $0.kind != .log && $1.kind == .log }) {
            try fileSystem.rename(swapPath(swap), to: directory.appending(swap.kind.fileName(swap.baseOffset)))
        }
        try fileSystem.synchronizeDirectory(directory)
    }
}
