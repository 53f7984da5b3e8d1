import MillraceLogEngine
import MillracePrimitives
import MillraceSimulationKit
import SystemPackage

/// Holds everything that a broker shows, and everything that its files hold, against the model.
///
/// What it finds to be decided is told to the model: a marker that was seen is never taken back.
struct Inspection {
    /// When it takes place.
    enum Moment: Hashable {
        /// Within a run whose calls have all succeeded: nothing is left undone.
        case settled
        /// After calls have failed: markers may still be missing.
        case troubled
        /// Right after a crash and the recovery from it.
        case recovered
    }

    let broker: EmbeddedBroker
    let moment: Moment
    let images: [TopicPartition: LogImage]
    /// Files of segments that are being replaced, or were to be.
    private let replacements: [String]
    /// Where each of the model's batches was found.
    private(set) var found: [Int: Found] = [:]
    /// Batches that are not there any more because compaction has removed all of their records.
    var removed: Set<Int> = []

    struct Found {
        var offset: Int64
        var decision: LogImage.Decision?
    }

    init(_ machine: Machine, _ broker: EmbeddedBroker, _ moment: Moment) {
        self.broker = broker
        self.moment = moment
        var images: [TopicPartition: LogImage] = [:]
        for partition in Place.all {
            let directory = Place.directory.appending(partition.description)
            images[partition] = LogImage(partition, files: machine.disk.files(in: directory))
        }
        self.images = images
        replacements = (Place.tables + Place.internals).flatMap { partition in
            machine.disk.files(in: Place.directory.appending(partition.description)).keys
                .filter { $0.hasSuffix(".swap") || $0.hasSuffix(".cleaned") }
                .sorted()
                .map { "\(partition)/\($0)" }
        }
    }

    /// Checks everything.
    mutating func run(_ model: inout Model) throws {
        if moment == .recovered, let file = replacements.first {
            model.violate(.recovery, "\(file) is still there after opening")
        }
        // A failed replacement leaves its files under names that nobody but the engine reads.
        if replacements.contains(where: { $0.hasSuffix(".swap") }) { return }
        for partition in Place.all {
            guard let image = images[partition] else { continue }
            checkFiles(image, &model)
            checkBatches(image, &model)
            checkSequences(image, &model)
        }
        checkPromises(&model)
        for partition in Place.tables { checkTable(partition, &model) }
        checkTransactions(&model)
        try checkViews(&model)
        checkPositions(&model)
        checkCopies(&model)
        settle(&model)
    }

    /// Whether everything that is decided has been carried out.
    var isComplete: Bool { moment != .troubled }

    private func checkFiles(_ image: LogImage, _ model: inout Model) {
        // What a failed write left behind is no part of the log.
        if isComplete, let defect = image.defects.first {
            model.violate(moment == .recovered ? .recovery : .ordered, "\(image.partition): \(defect)")
        }
    }

    /// Every record was sent, to this partition, in the batch that it stands in, and is stored once.
    private mutating func checkBatches(_ image: LogImage, _ model: inout Model) {
        for stored in image.batches where !stored.isControl {
            if image.isCompacted, stored.records.isEmpty { continue }
            let place = "\(image.partition):\(stored.baseOffset)"
            guard let number = stored.number, model.batches.indices.contains(number) else {
                model.violate(.ordered, "\(place) holds \(stored.values), which nobody sent")
                continue
            }
            let batch = model.batches[number]
            let sent = batch.records(at: stored.baseOffset)
            let isAsSent = image.isCompacted ? Set(stored.records).isSubset(of: sent) : stored.records == sent
            guard batch.partition == image.partition, isAsSent else {
                model.violate(.ordered, "\(place) holds \(stored.values), but batch \(number) is \(batch.values)")
                continue
            }
            if let other = found.updateValue(
                Found(offset: stored.baseOffset, decision: stored.decision),
                forKey: number
            ) {
                model.violate(.ordered, "batch \(number) is stored twice, at \(other.offset) and at \(place)")
            }
            if !batch.mayBeStored {
                model.violate(.ordered, "\(place) holds batch \(number), which was refused or lost before")
            }
        }
    }

    /// The sequence numbers of a producer's epoch follow each other without a gap.
    private func checkSequences(_ image: LogImage, _ model: inout Model) {
        var next: [ProducerIdentity: Int32] = [:]
        for stored in image.batches where !stored.isControl && stored.producer.id >= 0 {
            let mayBeginLater = model.producersWithLosses.contains(stored.producer.id)
            let expected = next[stored.producer] ?? (mayBeginLater ? stored.baseSequence : 0)
            if image.isCompacted ? stored.baseSequence < expected : stored.baseSequence != expected {
                model.violate(
                    .ordered,
                    "\(image.partition):\(stored.baseOffset) has sequence number \(stored.baseSequence) of producer "
                        + "\(stored.producer), not \(expected)"
                )
            }
            next[stored.producer] = stored.baseSequence + Int32(stored.lastOffset - stored.baseOffset + 1)
        }
    }

    /// What was promised is where it was said to be; and what a crash took, it took from the end.
    private func checkPromises(_ model: inout Model) {
        var cuts: [TopicPartition: (offset: Int64, batch: Int)] = [:]
        for batch in model.batches {
            guard let offset = batch.offset else { continue }
            if let found = found[batch.number] {
                if found.offset != offset {
                    model.violate(
                        .durable,
                        "batch \(batch.number) was acknowledged at \(batch.partition):\(offset), and is at \(found.offset)"
                    )
                }
            } else if !batch.isOfTable {
                if batch.promise > .nothing {
                    model.violate(
                        .durable,
                        "batch \(batch.number), \(batch.promise) at \(batch.partition):\(offset), is gone; the log ends at "
                            + "\(images[batch.partition]?.endOffset ?? 0)"
                    )
                }
                if offset < cuts[batch.partition]?.offset ?? .max { cuts[batch.partition] = (offset, batch.number) }
            }
        }
        guard moment == .recovered else { return }
        for (number, found) in found {
            let partition = model.batches[number].partition
            guard let cut = cuts[partition], found.offset >= cut.offset else { continue }
            model.violate(
                .ordered,
                "\(partition):\(found.offset) still holds batch \(number), though batch \(cut.batch) before it, at "
                    + "\(cut.offset), is gone"
            )
        }
    }

    /// What is there now, is; what is not, was lost.
    private func settle(_ model: inout Model) {
        for batch in model.batches where batch.mayBeStored && !removed.contains(batch.number) {
            model.settle(batch.number, at: found[batch.number]?.offset, isDurable: moment == .recovered)
        }
    }
}
