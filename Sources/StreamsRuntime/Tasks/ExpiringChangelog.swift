import MillraceLogClient
import MillracePrimitives
import MillraceStateStores

/// A store whose rows expire by their times, as those of window and session stores, and are not removed one by one: its
/// changelog is deleted up to where nothing is needed any more.
@usableFromInline
package protocol ExpiringStore: TaskStore {
    /// The rows, which tell the greatest time so far and from which time on they are needed.
    var timedRows: TimedRows { get }
}

/// The changelog partition of an expiring store, and up to which offset it holds nothing but rows that have expired.
///
/// What has expired is told by the rows' own times, and deleted by offset (Kafka: `DeleteRecords`). A log that deletes by
/// age goes by the wall clock, and would take rows that are live by stream time wherever history lies far behind it, as
/// in a replay of last year's data: the store would not be a function of its committed changelog (invariant 6).
///
/// Now and then, as the rows' times go on, it is marked how far the changelog had come. Once all rows up to a mark's
/// time have expired, so has what stands before the mark. Costs nothing per record; what is kept in excess is what comes
/// in an eighth of the retention. Owned by the task's thread.
package final class ExpiringChangelog {
    /// Before the offset there are only rows of this time and earlier ones.
    private struct Mark {
        var offset: Int64
        var timeMs: Int64
    }

    /// More than ever are needed, unless rows that have closed wait long to be passed on.
    private static let marksMaximum = 32

    package let partition: TopicPartition
    private let store: any ExpiringStore
    private let stepMs: Int64
    private var marks: [Mark] = []
    /// Up to here it was deleted.
    private var start: Int64 = 0

    package init(of store: any ExpiringStore, _ partition: TopicPartition) {
        self.store = store
        self.partition = partition
        stepMs = max(1, store.timedRows.retentionMs / 8)
    }

    /// Whether times have gone on so far since the last mark that another is worth while.
    package var isMarkDue: Bool {
        let timeMs = store.timedRows.observedMs
        guard let last = marks.last else { return timeMs >= 0 }
        let (elapsed, overflow) = timeMs.subtractingReportingOverflow(last.timeMs)
        return overflow || elapsed >= stepMs
    }

    /// Notes an offset before which there are only rows that the store has taken in.
    package func mark(_ offset: Int64) {
        let mark = Mark(offset: offset, timeMs: store.timedRows.observedMs)
        if marks.count == Self.marksMaximum { marks.removeLast() }
        marks.append(mark)
    }

    /// Up to where everything has expired as things stand, if that is further than it was deleted.
    package var expiredEnd: Int64? {
        let neededFromMs = store.timedRows.neededFromMs
        guard let mark = marks.last(where: { $0.timeMs < neededFromMs }), mark.offset > start else { return nil }
        return mark.offset
    }

    /// Notes that it was deleted up to an offset.
    package func didDelete(before offset: Int64) {
        start = offset
        marks.removeAll { $0.offset <= offset }
    }
}
