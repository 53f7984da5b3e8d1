import MillraceCoordination
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

/// Shows the records of a batch; those of the coordinators' topics decoded.
struct RecordDump {
    /// Whose records they are.
    enum Topic {
        case offsets
        case transactions
        case application

        /// By the name of the partition's directory.
        init(directory: String) {
            if directory.hasPrefix("__consumer_offsets-") {
                self = .offsets
            } else if directory.hasPrefix("__transaction_state-") {
                self = .transactions
            } else {
                self = .application
            }
        }
    }

    let writer: DumpWriter
    let format: FormatOptions
    let topic: Topic

    /// Shows all records; whether they are sound.
    func show(_ batch: RecordBatch) throws -> Bool {
        var decompressor = Decompressor()
        var failure: (any Error)?
        do throws(RecordFormatError) {
            try batch.withRecords(&decompressor) { (records) throws(RecordFormatError) in
                var cursor = RecordCursor(batch.header, records: records)
                while let record = try cursor.next() {
                    do {
                        try show(record, isControl: batch.header.attributes.isControl)
                    } catch {
                        failure = failure ?? error
                    }
                }
                try cursor.finish()
            }
        } catch {
            try writer.write("damage", indent: 1, [("problem", .text("\(error)"))])
            return false
        }
        if let failure { throw failure }
        return true
    }

    private func show(_ record: RecordView, isControl: Bool) throws {
        var fields: [(String, DumpWriter.Value)] = [
            ("offset", .number(record.offset)), ("timestamp", .number(record.timestamp)),
        ]
        if isControl {
            if let marker = try EndTransactionMarker(record) {
                fields += [
                    ("marker", .text("\(marker.result)")),
                    ("coordinatorEpoch", .number(Int64(marker.coordinatorEpoch))),
                ]
            } else {
                fields.append(("marker", .text("another kind of control record")))
            }
            return try writer.write("record", indent: 1, fields)
        }
        switch topic {
        case .application: fields += applicationFields(record)
        case .offsets: fields += decoded(record, Self.offsetFields)
        case .transactions: fields += decoded(record, Self.transactionFields)
        }
        let headers = try RecordHeaders(decoding: record.headers)
        if !headers.isEmpty {
            let texts = headers.map { "\($0.name)=\($0.value.map(BytesFormat.text.show) ?? "null")" }
            fields.append(("headers", .text(texts.joined(separator: ","))))
        }
        try writer.write("record", indent: 1, fields)
    }

    private func applicationFields(_ record: RecordView) -> [(String, DumpWriter.Value)] {
        [
            ("key", .text(record.key.map { format.keys.show(Array($0)) })),
            ("value", .text(record.value.map { format.values.show(Array($0)) })),
        ]
    }

    private func decoded(
        _ record: RecordView,
        _ decode: (UnsafeRawBufferPointer, UnsafeRawBufferPointer?) throws(CoordinatorRecordError) -> [(
            String, DumpWriter.Value
        )]
    ) -> [(String, DumpWriter.Value)] {
        guard let key = record.key else { return applicationFields(record) }
        do throws(CoordinatorRecordError) {
            return try decode(key, record.value)
        } catch {
            return [("undecodable", .text("\(error)"))] + applicationFields(record)
        }
    }

    private static func offsetFields(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?
    ) throws(CoordinatorRecordError) -> [(String, DumpWriter.Value)] {
        switch try GroupRecord(key: key, value: value) {
        case .offset(let key, let value):
            var fields: [(String, DumpWriter.Value)] = [
                ("group", .text(key.groupId)), ("partition", .text("\(key.partition)")),
            ]
            guard let value else { return fields + [("committedOffset", .text(nil))] }
            fields += [("committedOffset", .number(value.offset)), ("committedAt", .number(value.commitMs))]
            if !value.metadata.isEmpty { fields.append(("metadata", .text(value.metadata))) }
            return fields
        case .group(let groupId, let metadata):
            guard let metadata else { return [("group", .text(groupId)), ("generation", .text(nil))] }
            return [
                ("group", .text(groupId)), ("generation", .number(Int64(metadata.generation))),
                ("protocol", .text(metadata.protocolName)), ("leader", .text(metadata.leader)),
                ("members", .text(metadata.members.map(\.memberId).joined(separator: ","))),
            ]
        }
    }

    private static func transactionFields(
        _ key: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer?
    ) throws(CoordinatorRecordError) -> [(String, DumpWriter.Value)] {
        let record = try TransactionRecord(key: key, value: value)
        guard let metadata = record.metadata else {
            return [("transactionalId", .text(record.transactionalId)), ("state", .text(nil))]
        }
        return [
            ("transactionalId", .text(record.transactionalId)), ("state", .text("\(metadata.state)")),
            ("producerId", .number(metadata.producer.id)), ("producerEpoch", .number(Int64(metadata.producer.epoch))),
            ("timeoutMs", .number(Int64(metadata.timeoutMs))), ("lastUpdate", .number(metadata.lastUpdateMs)),
            ("partitions", .text(metadata.partitions.sorted().map { "\($0)" }.joined(separator: ","))),
        ]
    }
}
