import MillraceCoordination
import MillraceLogClient
import MillraceLogEngine
import MillraceLogStorage
import MillracePrimitives
import MillraceRecordFormat

extension EmbeddedConsumer {
    /// What has arrived, one value a partition, beginning with another partition each time.
    func fetch() throws(ClientError) -> [FetchedRecords] {
        var fetched: [FetchedRecords] = []
        var remaining = settings.maximumBytes
        let first = nextInOrder
        // Also after a failure, so that a damaged partition does not keep the others from being read.
        if !order.isEmpty { nextInOrder = (first + 1) % order.count }
        for step in order.indices {
            guard remaining > 0 else { break }
            let id = order[(first + step) % order.count]
            guard let place = places[id], !place.isPaused else { continue }
            do throws(ClientError) {
                guard let records = try fetch(id, place, min(remaining, settings.maximumPartitionBytes)) else {
                    continue
                }
                remaining -= records.sizeInBytes
                places[id]?.position = records.nextOffset
                fetched.append(records)
            } catch  where member != nil && error.code == .unknownTopicOrPartition {
                // The topic was deleted: the group's next assignment leaves it out.
                continue
            } catch {
                // What was fetched before has moved its positions, so it is delivered; the failure comes again.
                if fetched.isEmpty { throw error }
                break
            }
        }
        return fetched
    }

    private func fetch(
        _ id: TopicPartition,
        _ known: Place,
        _ maximumBytes: Int
    ) throws(ClientError) -> FetchedRecords? {
        let place = try known.partition.isAbandoned ? replace(id, known) : known
        guard let position = try position(id, place) else { return nil }
        places[id]?.position = position
        return try fetch(id, place.partition, position, maximumBytes)
    }

    /// The place in a partition that took over the name of one that was deleted; nothing was read of it.
    func replace(_ id: TopicPartition, _ gone: Place) throws(ClientError) -> Place {
        let place = Place(partition: try broker.find(id), position: nil)
        gone.partition.unwatch(wakeup)
        place.partition.watch(wakeup)
        places[id] = place
        return place
    }

    private func fetch(
        _ id: TopicPartition,
        _ partition: Partition,
        _ position: Int64,
        _ maximumBytes: Int
    ) throws(ClientError) -> FetchedRecords? {
        let isCommitted = settings.isolation == .readCommitted
        let end = isCommitted ? partition.log.lastStableOffset : partition.log.highWatermark
        if position == end { return nil }
        let records = FetchedRecords(partition: id, startOffset: position)
        let result: ReadResult
        do throws(LogError) {
            result = try records.fill { (buffer) throws(LogError) in
                try partition.log.read(
                    from: position,
                    maximumBytes: maximumBytes,
                    upTo: isCommitted ? .lastStableOffset : .highWatermark,
                    atLeastOneBatch: true,
                    into: &buffer
                )
            }
        } catch {
            if case .outOfRange = error { return try reset(id, partition, position) }
            // Deleted since the look at it; the next poll finds out what there is instead.
            if case .closed = error, (try? broker.checkOpen()) != nil { return nil }
            throw ClientError(BrokerError(error))
        }
        guard result.nextOffset > position else { return nil }
        records.highWatermark = result.highWatermark
        records.lastStableOffset = isCommitted ? result.lastStableOffset : result.highWatermark
        records.logStartOffset = result.logStartOffset
        do throws(RecordFormatError) {
            try records.index(
                aborted: result.abortedTransactions.map {
                    AbortedRange(producerId: $0.producerId, firstOffset: $0.firstOffset)
                },
                decompressor: &decompressor
            )
        } catch {
            throw ClientError(
                .corruptRecord,
                "\(id) cannot be read at or after offset \(position): \(error). Restore the partition from a copy, or seek "
                    + "past the damage"
            )
        }
        // Beyond the last batch there may be a gap that compaction has left.
        records.nextOffset = max(records.nextOffset, result.nextOffset)
        // Beyond the last batch there may be a gap that compaction has left.
        records.nextOffset = max(records.nextOffset, result.nextOffset)
        return records
    }

    private func position(_ id: TopicPartition, _ place: Place) throws(ClientError) -> Int64? {
        if let position = place.position { return position }
        return try startingPosition(of: id, place.partition)
    }

    /// Where to begin in a partition; nil while a transaction is about to decide it.
    func startingPosition(of id: TopicPartition, _ partition: Partition) throws(ClientError) -> Int64? {
        if let groupId = settings.groupId {
            let found = broker.groups.fetchOffsets(of: groupId, [id], requiresStable: true)[id]
            switch found {
            case .committed(let offset): return offset.offset
            case .unstable: return nil
            case .some(.none), nil: break
            }
        }
        return try resetPosition(id, partition) {
            ClientError(
                .noOffset,
                "no offset is committed for \(id), and offsetReset is .none; seek, or choose .earliest or .latest"
            )
        }
    }

    private func reset(
        _ id: TopicPartition,
        _ partition: Partition,
        _ position: Int64
    ) throws(ClientError) -> FetchedRecords? {
        let start = partition.log.logStartOffset
        let end = partition.log.logEndOffset
        let target = try resetPosition(id, partition) {
            ClientError(
                .offsetOutOfRange,
                "offset \(position) of \(id) lies outside of what the partition holds (\(start) to \(end)), and "
                    + "offsetReset is .none; seek, or choose .earliest or .latest"
            )
        }
        places[id]?.position = target
        return nil
    }

    private func resetPosition(
        _ id: TopicPartition,
        _ partition: Partition,
        otherwise error: () -> ClientError
    ) throws(ClientError) -> Int64 {
        switch settings.offsetReset(of: id.topic) {
        case .earliest: return partition.log.logStartOffset
        case .latest:
            return settings.isolation == .readCommitted
                ? partition.log.lastStableOffset : partition.log.highWatermark
        case .duration(let age):
            let (oldest, overflow) = broker.time.milliseconds.subtractingReportingOverflow(age.wholeMilliseconds)
            return try offsetOrEnd(at: overflow ? .min : oldest, partition)
        case .none: throw error()
        }
    }

    private func offsetOrEnd(at timestamp: Int64, _ partition: Partition) throws(ClientError) -> Int64 {
        let log = partition.log
        let end = settings.isolation == .readCommitted ? log.lastStableOffset : log.highWatermark
        do throws(LogError) {
            return min(try log.offset(forTimestamp: timestamp)?.offset ?? end, end)
        } catch {
            throw ClientError(BrokerError(error))
        }
    }
}
