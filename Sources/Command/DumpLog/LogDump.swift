import MillraceFileIO
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat
import SystemPackage

/// Shows the files of a partition, one thing a line.
struct LogDump {
    let fileSystem: any FileSystem
    let writer: DumpWriter
    let format: FormatOptions
    let showsRecords: Bool
    let from: Int64
    let maximumBatches: Int

    /// Shows a file; whether it is sound.
    func show(_ path: FilePath) throws -> Bool {
        guard let name = path.lastComponent?.string, let content = LogInspection.content(ofFile: name) else {
            throw CommandFailure(
                "\(path) is no file of a log: it should end in .log, .index, .timeindex, .txnindex or .snapshot"
            )
        }
        if !writer.isJSON { Output.line("\(path)") }
        if case .log(let baseOffset) = content { return try showSegment(path, baseOffset) }
        guard let bytes = try WholeFile.read(path, fileSystem) else {
            throw CommandFailure("there is no file \(path)")
        }
        let isSound =
            switch content {
            case .log: true
            case .offsetIndex(let base): try showOffsetIndex(bytes, base)
            case .timeIndex(let base): try showTimeIndex(bytes, base)
            case .transactionIndex: try showTransactionIndex(bytes)
            case .snapshot: try showSnapshot(bytes)
            case .leaderEpochs: try showLeaderEpochs(bytes)
            case .partitionMetadata: try showMetadata(bytes)
            }
        if !isSound {
            try writer.write("damage", [("file", .text(path.string)), ("problem", .text("not a whole one"))])
        }
        return isSound
    }

    // Segments

    private func showSegment(_ path: FilePath, _ baseOffset: Int64) throws -> Bool {
        let file = try fileSystem.open(path, .readOnly)
        defer { file.close() }
        let records = RecordDump(
            writer: writer,
            format: format,
            topic: RecordDump.Topic(directory: path.removingLastComponent().lastComponent?.string ?? "")
        )
        var shown = 0
        var isSound = true
        var failure: (any Error)?
        let (damage, _) = try LogInspection.walk(
            file,
            baseOffset: baseOffset,
            size: try file.size(),
            nextOffset: baseOffset
        ) { batch, position in
            guard batch.header.lastOffset >= from else { return true }
            do {
                try show(batch, at: position)
                if showsRecords { isSound = try records.show(batch) && isSound }
            } catch {
                failure = error
                return false
            }
            shown += 1
            return shown < maximumBatches
        }
        if let failure { throw failure }
        if let damage {
            try writer.write(
                "damage",
                [
                    ("file", .text(path.string)), ("position", .number(damage.position)),
                    ("offset", .number(damage.offset)), ("problem", .text("\(damage.reason)")),
                ]
            )
        }
        return isSound && damage == nil
    }

    private func show(_ batch: RecordBatch, at position: Int64) throws {
        let header = batch.header
        let attributes = header.attributes
        var fields: [(String, DumpWriter.Value)] = [
            ("baseOffset", .number(header.baseOffset)), ("lastOffset", .number(header.lastOffset)),
            ("records", .number(Int64(header.recordCount))), ("position", .number(position)),
            ("size", .number(Int64(header.sizeInBytes))), ("maxTimestamp", .number(header.maxTimestamp)),
            ("timestampType", .text("\(attributes.timestampType)")),
            ("compression", .text(attributes.codec.map { "\($0)" } ?? "\(attributes.codecNumber)")),
            ("leaderEpoch", .number(Int64(header.leaderEpoch))), ("crc", .number(Int64(header.checksum))),
        ]
        if header.producer.id >= 0 {
            fields += [
                ("producerId", .number(header.producer.id)), ("producerEpoch", .number(Int64(header.producer.epoch))),
                ("baseSequence", .number(Int64(header.baseSequence))),
                ("lastSequence", .number(Int64(header.lastSequence))),
            ]
        }
        if attributes.isTransactional { fields.append(("isTransactional", .flag(true))) }
        if attributes.isControl { fields.append(("isControl", .flag(true))) }
        if attributes.hasDeleteHorizon { fields.append(("deleteHorizon", .number(header.baseTimestamp))) }
        try writer.write("batch", fields)
    }

    // Indexes and the rest

    private func showOffsetIndex(_ bytes: [UInt8], _ baseOffset: Int64) throws -> Bool {
        guard let entries = LogInspection.offsetIndex(bytes, baseOffset: baseOffset) else { return false }
        for entry in entries {
            try writer.write("offset", [("offset", .number(entry.offset)), ("position", .number(entry.position))])
        }
        return true
    }

    private func showTimeIndex(_ bytes: [UInt8], _ baseOffset: Int64) throws -> Bool {
        guard let entries = LogInspection.timeIndex(bytes, baseOffset: baseOffset) else { return false }
        for entry in entries {
            try writer.write("time", [("timestamp", .number(entry.timestamp)), ("offset", .number(entry.offset))])
        }
        return true
    }

    private func showTransactionIndex(_ bytes: [UInt8]) throws -> Bool {
        guard let entries = LogInspection.transactionIndex(bytes) else { return false }
        for entry in entries {
            try writer.write(
                "aborted",
                [
                    ("producerId", .number(entry.producerId)), ("firstOffset", .number(entry.firstOffset)),
                    ("lastOffset", .number(entry.lastOffset)), ("lastStableOffset", .number(entry.lastStableOffset)),
                ]
            )
        }
        return true
    }

    private func showSnapshot(_ bytes: [UInt8]) throws -> Bool {
        guard let producers = LogInspection.snapshot(bytes) else { return false }
        for producer in producers {
            try writer.write(
                "producer",
                [
                    ("producerId", .number(producer.producer.id)),
                    ("producerEpoch", .number(Int64(producer.producer.epoch))),
                    ("lastSequence", .number(Int64(producer.lastSequence))),
                    ("lastTimestamp", .number(producer.lastTimestamp)),
                    ("coordinatorEpoch", .number(Int64(producer.coordinatorEpoch))),
                    ("transactionFirstOffset", .number(producer.transactionFirstOffset ?? -1)),
                ]
            )
        }
        return true
    }

    private func showLeaderEpochs(_ bytes: [UInt8]) throws -> Bool {
        guard let epochs = LogInspection.leaderEpochs(bytes) else { return false }
        for epoch in epochs {
            try writer.write(
                "leader",
                [("leaderEpoch", .number(Int64(epoch.epoch))), ("startOffset", .number(epoch.startOffset))]
            )
        }
        return true
    }

    private func showMetadata(_ bytes: [UInt8]) throws -> Bool {
        guard let metadata = PartitionMetadata(decoding: bytes) else { return false }
        try writer.write("topic", [("id", .text("\(metadata.topicId)"))])
        return true
    }
}
