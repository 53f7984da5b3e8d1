/// The partition of an internal topic that keeps the records of a group id or transactional id.
///
/// Kafka's choice, so that its tools find them: Java's hash of the string (over UTF-16 units, with overflow), made
/// non-negative (the smallest number becomes 0), modulo the number of partitions.
package func coordinatorPartition(forKey key: String, partitionCount: Int32) -> Int32 {
    precondition(partitionCount > 0, "an internal topic has at least one partition")
    var hash: Int32 = 0
    for unit in key.utf16 { hash = 31 &* hash &+ Int32(unit) }
    let magnitude = hash == .min ? 0 : abs(hash)
    return magnitude % partitionCount
}
