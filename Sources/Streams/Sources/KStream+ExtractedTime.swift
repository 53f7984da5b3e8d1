import MillraceRecordFormat
import MillraceStreamsRuntime

extension TimestampExtractor {
    /// Whether the time is the one that the log tells: then nothing needs to be decoded to know it.
    @usableFromInline var isPlain: Bool {
        if case .record(.fail) = rule { true } else { false }
    }

    /// The time of a record; nil if it is to be left out.
    @inlinable
    func timestamp(
        _ key: Key,
        _ value: Value,
        _ view: RecordView,
        partitionTimeMs: Int64,
        wallClockMs: Int64
    ) throws -> ExtractedTime {
        switch rule {
        case .wallClock: return .known(wallClockMs)
        case .record(let policy):
            if view.timestamp >= 0 { return .known(view.timestamp) }
            switch policy {
            case .fail: return .failed
            case .skip: return .leftOut
            case .usePartitionTime: return partitionTimeMs >= 0 ? .known(partitionTimeMs) : .failed
            }
        case .custom(let extraction):
            let headers = view.hasHeaders ? try RecordHeaders(decoding: view.headers) : []
            let record = Record(key: key, value: value, timestampMs: view.timestamp, headers: headers)
            let time = try extraction.timestampMs(record, partitionTimeMs)
            return time >= 0 ? .known(time) : .leftOut
        }
    }
}

/// What a timestamp extractor says of a record.
@usableFromInline
enum ExtractedTime {
    /// Its time, in milliseconds since 1970.
    case known(Int64)
    /// It has none and is left out.
    case leftOut
    /// It has none, which is an error.
    case failed
}

extension KStream {
    /// The record loop of a source whose records' times are told by an extractor.
    @inlinable
    static func extractingDriver(
        _ context: TaskContext,
        keys: Serde<Key>,
        values: Serde<Value>,
        timestamps: TimestampExtractor<Key, Value>,
        ahead: KeyLookAhead?,
        decoding: DecodingGuard,
        extracting: OperatorGuard,
        next: Out<Key, Value>
    ) -> SourceDriver {
        let record = context.record
        let failures = context.failures
        let noHeaders = UnsafeRawBufferPointer(start: nil, count: 0)
        let dueMs = context.streamTimeSchedule.dueMs
        let head = HeadTimestamp { cursor, startOffset, partitionTimeMs in
            var cursor = cursor
            while let view = try cursor.next() {
                if view.offset < startOffset { continue }
                // What cannot be read or has no time is met at once; the loop below says what becomes of it.
                do {
                    let time = try timestamps.timestamp(
                        try keys.read(view.key),
                        try values.read(view.value),
                        view,
                        partitionTimeMs: partitionTimeMs,
                        wallClockMs: record.pointee.wallClockMs
                    )
                    if case .known(let timestamp) = time { return timestamp }
                } catch {}
                return Int64.min
            }
            return Int64.max
        }
        return SourceDriver(head: head) { position, limits in
            var cursor = position.pointee
            var processed = 0
            var isFirst = true
            defer {
                position.pointee = cursor
                record.pointee.processed += processed
            }
            while processed < limits.maximumCount, !record.pointee.isSliceOver {
                if let ahead, cursor.isScoutDue { ahead.warm(&cursor) }
                let before = cursor
                let formerOffset = record.pointee.offset
                guard let view = try cursor.next() else { return }
                if view.offset < limits.startOffset { continue }
                record.pointee.offset = view.offset
                record.pointee.timestamp = view.timestamp
                record.pointee.headers = view.hasHeaders ? view.headers : noHeaders
                record.pointee.key = view.key
                record.pointee.value = view.value
                guard let key = try decoding.key({ try keys.read(view.key) }),
                    let value = try decoding.value({ try values.read(view.value) }),
                    let time = try extracting.attempt({
                        try timestamps.timestamp(
                            key,
                            value,
                            view,
                            partitionTimeMs: record.pointee.partitionTimeMs,
                            wallClockMs: record.pointee.wallClockMs
                        )
                    })
                else { continue }
                guard case .known(let timestamp) = time else {
                    if case .failed = time { throw failures.failureWithoutTime() }
                    failures.leaveOutWithoutTime()
                    continue
                }
                // The first was chosen for its time; an extractor that changes its mind must not stop the task.
                if timestamp > limits.maximumTimestamp, !isFirst {
                    cursor = before
                    record.pointee.offset = formerOffset
                    return
                }
                isFirst = false
                record.pointee.timestamp = timestamp
                processed &+= 1
                if timestamp > record.pointee.partitionTimeMs { record.pointee.advanceTime(to: timestamp) }
                try next.push(key, value, timestamp)
                if record.pointee.streamTimeMs >= dueMs.pointee { return }
            }
        }
    }
}
