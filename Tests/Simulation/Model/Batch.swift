import MillracePrimitives

/// A batch that a client has made, as the model knows it.
struct Batch {
    /// The input record that an output was made from.
    struct Origin: Hashable {
        var place: RecordPlace
        var value: String
    }

    /// How much the broker has promised.
    enum Promise: Int, Comparable {
        case nothing
        /// It is in the page cache.
        case written
        /// It survives power loss.
        case durable

        static func < (left: Promise, right: Promise) -> Bool { left.rawValue < right.rawValue }
    }

    let number: Int
    let partition: TopicPartition
    let count: Int
    /// The index of its transaction; nil for none.
    let transaction: Int?
    /// With whose identity it was sealed; nil where a connection does that by itself.
    let producer: ProducerIdentity?
    let origin: Origin?

    /// An attempt was made that was not refused, and nothing has shown that it left no trace.
    var mayBeStored = false
    /// Where it is, if anything has shown that it is.
    var offset: Int64?
    var promise = Promise.nothing
    /// Which of its records compaction has removed, as far as an inspection has seen.
    var removed: Set<Int> = []
    /// The broker has acknowledged it at some time.
    var wasAcknowledged = false

    /// The values of its records: by them it is known wherever it turns up.
    var values: [String] { (0..<count).map { "\(number).\($0)" } }

    /// Its records as they are stored from an offset on.
    func records(at offset: Int64) -> [LogImage.StoredRecord] {
        values.enumerated().map { index, value in
            LogImage.StoredRecord(
                offset: offset + Int64(index),
                key: key(of: index),
                value: value,
                isTombstone: isTombstone(index)
            )
        }
    }

    /// Whether it is for a topic that is compacted: then its keys repeat, and some records are tombstones, which are
    /// known by a header.
    var isOfTable: Bool { Place.tables.contains(partition) }

    /// The key of a record. Where it means nothing, of a length that lets some batches cross sectors.
    func key(of index: Int) -> String {
        isOfTable ? "key-\((number * 5 + index * 3) % 6)" : String(repeating: ".", count: number * 37 % 160)
    }

    func isTombstone(_ index: Int) -> Bool { isOfTable && (number + index) % 4 == 0 }
}

/// A record's place.
struct RecordPlace: Hashable, Comparable, CustomStringConvertible {
    var partition: TopicPartition
    var offset: Int64

    static func < (left: RecordPlace, right: RecordPlace) -> Bool {
        (left.partition, left.offset) < (right.partition, right.offset)
    }

    var description: String { "\(partition):\(offset)" }
}
