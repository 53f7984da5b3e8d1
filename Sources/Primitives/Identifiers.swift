/// One partition of one topic.
public struct TopicPartition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The topic's name.
    public var topic: String
    /// The partition's number, from 0.
    public var partition: Int32

    /// Names a partition.
    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    /// `topic-partition`, as its directory is called.
    public var description: String { "\(topic)-\(partition)" }

    /// By topic, then by number.
    public static func < (left: TopicPartition, right: TopicPartition) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }
}

/// A producer's identity for idempotence and fencing: an id, and an epoch that grows with each new owner of the id.
///
/// Source: KIP-98.
public struct ProducerIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The producer id; -1 for none.
    public var id: Int64
    /// The epoch; -1 for none.
    public var epoch: Int16

    /// Names a producer.
    public init(id: Int64, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }

    /// No producer: what a plain, non-idempotent batch carries.
    public static let none = ProducerIdentity(id: -1, epoch: -1)

    /// `id@epoch`.
    public var description: String { "\(id)@\(epoch)" }
}

/// How a transaction ended.
public enum TransactionResult: Hashable, Sendable {
    /// Its records became visible.
    case commit
    /// Its records are never delivered to readers of committed data.
    case abort
}

/// A member's membership of a consumer group at one generation; it fences offset commits of members that were replaced.
///
/// Source: KIP-447.
public struct GroupMembership: Hashable, Sendable {
    /// The group's id.
    public var groupId: String
    /// The member's id; empty for a client that assigns partitions by itself.
    public var memberId: String
    /// The generation in which the member was assigned its partitions; -1 for a client that assigns by itself.
    public var generation: Int32
    /// The static member's instance id, if it has one (KIP-345).
    public var groupInstanceId: String?

    /// Names a membership. With the defaults it commits to a group without belonging to it.
    public init(groupId: String, memberId: String = "", generation: Int32 = -1, groupInstanceId: String? = nil) {
        self.groupId = groupId
        self.memberId = memberId
        self.generation = generation
        self.groupInstanceId = groupInstanceId
    }
}

/// An offset that a group committed for a partition: the offset of the next record to read.
public struct CommittedOffset: Hashable, Sendable {
    /// The next offset to read.
    public var offset: Int64
    /// The leader epoch of the last record read, if known.
    public var leaderEpoch: Int32?
    /// What the application wants to remember with the offset.
    public var metadata: String

    /// Makes a committed offset.
    public init(offset: Int64, leaderEpoch: Int32? = nil, metadata: String = "") {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
    }
}

/// A 128-bit identifier, such as a topic id (KIP-516).
public struct Identifier128: Hashable, Sendable, CustomStringConvertible {
    /// The high half.
    public var high: UInt64
    /// The low half.
    public var low: UInt64

    /// Makes an identifier from its halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random (version 4) identifier.
    public static func random(using generator: inout some RandomNumberGenerator) -> Identifier128 {
        let high: UInt64 = generator.next()
        let low: UInt64 = generator.next()
        return Identifier128(
            high: (high & 0xffff_ffff_ffff_0fff) | 0x4000,
            low: (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000
        )
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Kafka's text form: URL-safe base64 without padding, 22 characters.
    public var description: String {
        var bits: [UInt8] = []
        for half in [high, low] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bits.append(UInt8(truncatingIfNeeded: half >> shift))
            }
        }
        bits += [0, 0]
        var text: [UInt8] = []
        for start in stride(from: 0, to: 18, by: 3) {
            let word = UInt32(bits[start]) << 16 | UInt32(bits[start + 1]) << 8 | UInt32(bits[start + 2])
            for shift in [18, 12, 6, 0] as [UInt32] { text.append(Self.alphabet[Int(word >> shift & 63)]) }
        }
        return String(decoding: text.prefix(22), as: UTF8.self)
    }

    /// Reads Kafka's text form; nil if it is not one.
    public init?(_ text: String) {
        guard text.utf8.count == 22 else { return nil }
        var bits: [UInt8] = []
        var word: UInt32 = 0
        var filled: UInt32 = 0
        for character in text.utf8 {
            guard let digit = Self.alphabet.firstIndex(of: character) else { return nil }
            word = word << 6 | UInt32(digit)
            filled += 6
            if filled >= 8 {
                filled -= 8
                bits.append(UInt8(truncatingIfNeeded: word >> filled))
            }
        }
        guard bits.count == 16 else { return nil }
        high = bits[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bits[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
