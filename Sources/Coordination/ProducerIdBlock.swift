/// Hands out producer ids from a block that was durably reserved, so that no id is ever given to two producers.
///
/// The runtime reserves a block of `defaultSize` ids (writing its end down before the first id is used) and refills
/// when the block is exhausted; ids not used at a stop are lost, which is harmless. Source: KIP-730.
package struct ProducerIdBlock: Hashable, Sendable {
    /// How many ids are reserved at a time.
    package static let defaultSize: Int64 = 1_000

    private var nextId: Int64
    private var end: Int64

    /// A block with nothing in it, which the runtime has to refill.
    package init() {
        nextId = 0
        end = 0
    }

    /// The reserved ids.
    package init(_ ids: Range<Int64>) {
        precondition(ids.lowerBound >= 0, "producer ids are not negative")
        nextId = ids.lowerBound
        end = ids.upperBound
    }

    /// How many ids are left.
    package var remaining: Int64 { end - nextId }

    /// Whether the runtime must reserve another block before the next request that may take an id.
    package var isExhausted: Bool { remaining == 0 }

    /// Takes an id; nil if the block is exhausted.
    package mutating func take() -> Int64? {
        guard nextId < end else { return nil }
        defer { nextId += 1 }
        return nextId
    }

    /// Replaces an exhausted block by the next one.
    package mutating func refill(_ ids: Range<Int64>) {
        precondition(isExhausted, "a block is refilled when it is exhausted, not with \(remaining) ids left")
        precondition(ids.lowerBound >= end, "ids are reserved in ascending order: \(ids) after \(end)")
        nextId = ids.lowerBound
        end = ids.upperBound
    }

    /// Takes an id or says that the request has to be made again after a refill.
    mutating func takeOrThrow() throws(CoordinatorError) -> Int64 {
        guard let id = take() else {
            throw CoordinatorError(
                .coordinatorNotAvailable,
                "the reserved producer ids are used up; reserve the next block, then make the request again"
            )
        }
        return id
    }
}
