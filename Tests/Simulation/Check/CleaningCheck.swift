/// What a pass of the cleaner may change in a log: nothing that a reader of the table could tell.
struct CleaningCheck {
    let before: LogImage
    let after: LogImage

    func run(_ model: inout Model) {
        let partition = before.partition
        if let defect = after.defects.first {
            model.violate(.ordered, "after a pass of the cleaner, \(partition): \(defect)")
        }
        if before.endOffset != after.endOffset {
            model.violate(
                .ordered,
                "the cleaner moved the end of \(partition) from \(before.endOffset) to \(after.endOffset)"
            )
        }
        if before.stableOffset != after.stableOffset {
            model.violate(
                .live,
                "the cleaner moved the first undecided record of \(partition), or the end, from \(before.stableOffset) to "
                    + "\(after.stableOffset)"
            )
        }
        checkTable(&model)
        checkRecords(&model)
    }

    private func checkTable(_ model: inout Model) {
        let (old, new) = (before.table, after.table)
        for key in Set(old.keys).union(new.keys).sorted() where old[key] != new[key] {
            func text(_ record: LogImage.StoredRecord?) -> String {
                record.map { "\($0.value) at \($0.offset)" } ?? "no record"
            }
            model.violate(
                .durable,
                "the cleaner changed what \(key) has in \(before.partition) from \(text(old[key])) to \(text(new[key]))"
            )
        }
    }

    /// What is kept is as it was, with the fate that it had; and what is not decided is kept.
    private func checkRecords(_ model: inout Model) {
        let partition = before.partition
        let old = Dictionary(uniqueKeysWithValues: Self.records(of: before).map { ($0.record.offset, $0) })
        let new = Dictionary(uniqueKeysWithValues: Self.records(of: after).map { ($0.record.offset, $0) })
        for (offset, kept) in new.sorted(by: { $0.key < $1.key }) {
            guard let was = old[offset], was.record == kept.record else {
                model.violate(
                    .ordered,
                    "after a pass of the cleaner, \(partition):\(offset) holds \(kept.record.value) anew"
                )
                continue
            }
            if was.isVisible != kept.isVisible || was.isUndecided != kept.isUndecided {
                model.violate(
                    .isolated,
                    "the cleaner changed the fate of \(kept.record.value) at \(partition):\(offset)"
                )
            }
        }
        for (offset, was) in old.sorted(by: { $0.key < $1.key })
        where new[offset] == nil && (was.isUndecided || offset >= before.stableOffset) {
            model.violate(
                .atomic,
                "the cleaner removed \(was.record.value) at \(partition):\(offset), which is not stable"
            )
        }
    }

    private struct Fated {
        var record: LogImage.StoredRecord
        var isVisible: Bool
        var isUndecided: Bool
    }

    private static func records(of image: LogImage) -> [Fated] {
        image.batches.filter { !$0.isControl }.flatMap { batch in
            batch.records.map {
                Fated(
                    record: $0,
                    isVisible: batch.isVisible,
                    isUndecided: batch.isTransactional && batch.decision == nil
                )
            }
        }
    }
}
