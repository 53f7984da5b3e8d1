import MillraceFileIO
import MillracePrimitives
import MillraceRecordFormat
import Synchronization

// Appending. A batch is checked, gets its offset and leader epoch stamped into the caller's memory, and goes from there
// to the file in one write. Only then do the producers, indexes and offsets change (LE-89), so that a failed append leaves
// no trace.
extension PartitionLog {
    /// Appends one or more whole batches.
    ///
    /// - Parameters:
    ///   - batches: the batches one after the other; offsets and leader epoch, and with `LogAppendTime` timestamps, are
    ///     written into them, unless the topic has a codec of its own and other bytes are stored.
    ///   - unknownProducer: what to do with an idempotent producer that is not known here (LE-24).
    ///   - beginsTransaction: whether the batches may be the first of a transaction in this partition. False makes an
    ///     append of which the coordinator knows nothing fail with `unverifiedTransaction` (LE-52).
    package func append(
        _ batches: UnsafeMutableRawBufferPointer,
        origin: AppendOrigin,
        leaderEpoch: Int32,
        unknownProducer: UnknownProducerPolicy = .anySequence,
        beginsTransaction: Bool = true
    ) throws(LogError) -> AppendResult {
        var request = AppendRequest(
            batches: batches,
            origin: origin,
            leaderEpoch: leaderEpoch,
            unknownProducer: unknownProducer,
            beginsTransaction: beginsTransaction,
            now: time.milliseconds
        )
        if origin == .client { try validate(request) }
        guard let compression = try recompression(of: request) else { return try append(request) }
        var recompressed = ByteWriter(capacity: batches.count)
        try recompress(request, with: compression, into: &recompressed)
        request.batches = UnsafeMutableRawBufferPointer(mutating: recompressed.bytes)
        return try withExtendedLifetime(recompressed) { () throws(LogError) in try append(request) }
    }

    private func append(_ request: AppendRequest) throws(LogError) -> AppendResult {
        while true {
            let outcome = try state.withLock { (state) throws(LogError) -> AppendOutcome in
                try self.append(request, to: &state)
            }
            switch outcome {
            case .appended(let result, let flushesNow):
                if flushesNow { try flush(upTo: result.lastOffset + 1) }
                return result
            case .needsRoll(let segment):
                try roll(replacing: segment)
            }
        }
    }
}

/// What is to be appended, and how.
struct AppendRequest {
    var batches: UnsafeMutableRawBufferPointer
    var origin: AppendOrigin
    var leaderEpoch: Int32
    var unknownProducer: UnknownProducerPolicy
    var beginsTransaction: Bool
    var now: Int64
}

/// What came of an attempt to append.
enum AppendOutcome {
    case appended(AppendResult, flushesNow: Bool)
    /// The active segment, with this base offset, has to be sealed first.
    case needsRoll(Int64)
}

extension PartitionLog {
    private func append(_ request: AppendRequest, to state: inout LogState) throws(LogError) -> AppendOutcome {
        try checkWritable(state)
        var bytes = UnsafeRawBufferPointer(request.batches)
        guard bytes.count > 0 else { throw .invalidRecord(partition, .empty) }

        var first = try header(of: bytes, request, state.configuration)
        // A repeated request may have been stored in part; what was is acknowledged again, the rest is appended.
        var storedBase: Int64?
        while request.origin != .coordinator, first.producer.id >= 0,
            let stored = state.producers.states[first.producer.id]?.duplicate(of: first)
        {
            bytes = UnsafeRawBufferPointer(rebasing: bytes[first.sizeInBytes...])
            storedBase = storedBase ?? stored.firstOffset
            guard bytes.count > 0 else {
                let result = AppendResult(
                    baseOffset: storedBase ?? stored.firstOffset,
                    lastOffset: stored.lastOffset,
                    appendTime: stored.appendTime,
                    logStartOffset: state.logStartOffset,
                    isDuplicate: true
                )
                return .appended(result, flushesNow: false)
            }
            first = try header(of: bytes, request, state.configuration)
        }
        if first.sizeInBytes == bytes.count {
            return try appendOne(first, bytes, storedBase, request, to: &state)
        }
        return try appendSeveral(bytes, storedBase, request, to: &state)
    }

    /// The common case, one batch: no list is made.
    private func appendOne(
        _ checked: RecordBatchHeader,
        _ bytes: UnsafeRawBufferPointer,
        _ storedBase: Int64?,
        _ request: AppendRequest,
        to state: inout LogState
    ) throws(LogError) -> AppendOutcome {
        var header = checked
        var producer: ProducerState?
        if header.producer.id >= 0 {
            let known = state.producers.state(of: header.producer.id)
            try check(header, known, request)
            producer = known
        }
        let lastOffset = state.logEndOffset + Int64(header.lastOffsetDelta)
        if let segment = try segmentToRoll(for: header, lastOffset: lastOffset, bytes.count, state) {
            return .needsRoll(segment)
        }
        let base = state.logEndOffset
        stamp(&header, bytes, offset: base, request, state.configuration)
        try write(bytes, to: &state)
        if var producer {
            producer.apply(header, now: request.now)
            state.producers.update(producer)
        }
        finish(header, size: bytes.count, leaderEpoch: request.leaderEpoch, now: request.now, in: &state)
        return appended(base: storedBase ?? base, header, request, state)
    }

    private func appendSeveral(
        _ bytes: UnsafeRawBufferPointer,
        _ storedBase: Int64?,
        _ request: AppendRequest,
        to state: inout LogState
    ) throws(LogError) -> AppendOutcome {
        var headers: [RecordBatchHeader] = []
        var producers: [Int64: ProducerState] = [:]
        var offset = state.logEndOffset
        var position = 0
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            var header = try header(of: rest, request, state.configuration)
            if header.producer.id >= 0 {
                var producer = producers[header.producer.id] ?? state.producers.state(of: header.producer.id)
                try check(header, producer, request)
                header.baseOffset = offset
                producer.apply(header, now: request.now)
                producers[header.producer.id] = producer
            }
            headers.append(header)
            offset += Int64(header.lastOffsetDelta) + 1
            position += header.sizeInBytes
        }
        guard let first = headers.first else { throw .invalidRecord(partition, .empty) }
        if let segment = try segmentToRoll(for: first, lastOffset: offset - 1, bytes.count, state) {
            return .needsRoll(segment)
        }
        let base = state.logEndOffset
        offset = base
        position = 0
        for index in headers.indices {
            let size = headers[index].sizeInBytes
            let batch = UnsafeRawBufferPointer(rebasing: bytes[position..<position + size])
            stamp(&headers[index], batch, offset: offset, request, state.configuration)
            offset = headers[index].nextOffset
            position += size
        }
        try write(bytes, to: &state)
        // Applied anew, now that the batches have their final offsets and timestamps.
        for header in headers {
            if header.producer.id >= 0 {
                var producer = state.producers.state(of: header.producer.id)
                producer.apply(header, now: request.now)
                state.producers.update(producer)
            }
            finish(header, size: header.sizeInBytes, leaderEpoch: request.leaderEpoch, now: request.now, in: &state)
        }
        return appended(base: storedBase ?? base, headers[headers.count - 1], request, state)
    }

    private func check(
        _ header: RecordBatchHeader,
        _ producer: ProducerState,
        _ request: AppendRequest
    ) throws(LogError) {
        do throws(LogError) {
            try producer.check(
                header,
                checksSequence: request.origin != .coordinator,
                unknownProducer: request.unknownProducer,
                beginsTransaction: request.beginsTransaction,
                partition
            )
        } catch {
            guard case .invalidProducerEpoch = error, deliberateFaults.contains(.forgetEpochFence) else { throw error }
        }
    }

    private func appended(
        base: Int64,
        _ last: RecordBatchHeader,
        _ request: AppendRequest,
        _ state: borrowing LogState
    ) -> AppendOutcome {
        let stampsTime = state.configuration.timestampType == .logAppendTime
        let result = AppendResult(
            baseOffset: base,
            lastOffset: last.lastOffset,
            appendTime: stampsTime ? request.now : -1,
            logStartOffset: state.logStartOffset,
            isDuplicate: false
        )
        let unflushed = state.logEndOffset - state.durableEndOffset
        return .appended(result, flushesNow: state.configuration.flushMessages.map { unflushed >= $0 } ?? false)
    }

    /// Whether the active segment has to be sealed before these batches (LE-16); its base offset then.
    func segmentToRoll(
        for first: RecordBatchHeader,
        lastOffset: Int64,
        _ size: Int,
        _ state: borrowing LogState
    ) throws(LogError) -> Int64? {
        let configuration = state.configuration
        guard size <= configuration.segmentBytes else {
            throw .recordTooLarge(
                partition,
                sizeInBytes: size,
                limit: configuration.segmentBytes,
                setting: "segment.bytes"
            )
        }
        let base = state.active.baseOffset
        let isFar = lastOffset - base > Int64(Int32.max)
        guard state.active.size > 0 else {
            // A new segment would not make room either.
            guard !isFar else { throw .invalidRecord(partition, .tooManyOffsets) }
            return nil
        }
        let isFull = state.active.size > Int64(configuration.segmentBytes - size)
        var isOld = false
        if let start = state.active.firstTimestamp {
            let (age, overflow) = first.maxTimestamp.subtractingReportingOverflow(start)
            isOld = !overflow && age > configuration.segmentMs
        }
        let index = state.active.index
        let isIndexFull =
            index.offsets.count >= configuration.maximumIndexEntries
            || index.times.count >= configuration.maximumTimeIndexEntries
        return isFull || isOld || isIndexFull || isFar ? base : nil
    }

    private func stamp(
        _ header: inout RecordBatchHeader,
        _ bytes: UnsafeRawBufferPointer,
        offset: Int64,
        _ request: AppendRequest,
        _ configuration: borrowing LogConfiguration
    ) {
        let batch = UnsafeMutableRawBufferPointer(mutating: bytes)
        RecordBatchHeader.stamp(batch, baseOffset: offset, leaderEpoch: request.leaderEpoch)
        header.baseOffset = offset
        header.leaderEpoch = request.leaderEpoch
        if configuration.timestampType == .logAppendTime {
            RecordBatchHeader.stampAppendTime(batch, timestamp: request.now)
            header.maxTimestamp = request.now
            header.attributes.rawValue |= 1 << 3
        }
    }

    /// Writes at the end of the active segment, or leaves the file as it was.
    func write(_ bytes: UnsafeRawBufferPointer, to state: inout LogState) throws(LogError) {
        do throws(FileError) {
            if state.active.hasTornTail {
                try state.active.log.truncate(to: state.active.size)
                state.active.hasTornTail = false
            }
            do throws(FileError) {
                try state.active.log.write(bytes, at: state.active.size)
            } catch {
                // What was written of the batch must not stay: its remains could end up behind a shorter one.
                state.active.hasTornTail = true
                if (try? state.active.log.truncate(to: state.active.size)) != nil { state.active.hasTornTail = false }
                throw error
            }
        } catch {
            throw .file(error)
        }
    }

    /// Takes note of a batch that was written.
    func finish(
        _ header: RecordBatchHeader,
        size: Int,
        leaderEpoch: Int32,
        now: Int64,
        in state: inout LogState
    ) {
        precondition(header.baseOffset == state.logEndOffset, "a batch is appended at the log's end")
        if state.epochs.latest ?? -1 < leaderEpoch {
            if state.epochs.assign(leaderEpoch, startOffset: header.baseOffset) { state.epochsHaveChanged = true }
        }
        state.active.index.add(
            header,
            position: state.active.size,
            base: state.active.baseOffset,
            interval: state.configuration.indexIntervalBytes
        )
        if state.active.firstTimestamp == nil { state.active.firstTimestamp = header.maxTimestamp }
        if state.active.firstWriteMs == nil { state.active.firstWriteMs = now }
        state.active.lastWriteMs = now
        state.active.size += Int64(size)
        state.logEndOffset = header.nextOffset
    }
}
