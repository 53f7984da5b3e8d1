import MillracePrimitives

/// What a left row asks of the right table in a foreign-key join: the value of a record of the subscription topic, whose
/// key is the foreign key and whose timestamp is the left row's.
///
///     byte   version, 0
///     byte   instruction, and 0x80 if a hash follows
///     16     hash of the left row
///     int32  partition of the left row
///     rest   key of the left row, as its serde writes it
@usableFromInline
struct Subscription {
    @usableFromInline static let version: UInt8 = 0
    @usableFromInline static let hashFlag: UInt8 = 0x80

    /// What to do, and whether to answer.
    @usableFromInline
    enum Instruction: UInt8 {
        /// Forget the left row, and say nothing: another subscription of it gives the answer.
        case unsubscribe = 0
        /// Forget the left row, and answer without a right row.
        case unsubscribeAndAnswer = 1
        /// Keep the left row; answer, also if there is no right row.
        case subscribe = 2
        /// Keep the left row; answer if there is a right row.
        case subscribeAndAnswerMatch = 3
    }

    @usableFromInline var instruction: Instruction
    /// The hash of the left row that asks; nil if it was removed.
    @usableFromInline var hash: Hash128?
    @usableFromInline var partition: Int32
    /// The left row's key; valid while the record is processed.
    @usableFromInline var key: UnsafeRawBufferPointer

    @usableFromInline
    init(instruction: Instruction, hash: Hash128?, partition: Int32, key: UnsafeRawBufferPointer) {
        self.instruction = instruction
        self.hash = hash
        self.partition = partition
        self.key = key
    }

    @usableFromInline
    func write(to writer: inout ByteWriter) {
        writer.append(Self.version)
        writer.append(instruction.rawValue | (hash == nil ? 0 : Self.hashFlag))
        if let hash { writer.append(hash) }
        writer.append(partition)
        writer.append(key)
    }

    @usableFromInline
    init(reading bytes: UnsafeRawBufferPointer) throws {
        var reader = ByteReader(bytes)
        let version: UInt8 = try reader.readInteger()
        guard version == Self.version else {
            throw SerdeError.invalid(
                "a subscription of version \(version), which this version of Millrace does not know"
            )
        }
        let head: UInt8 = try reader.readInteger()
        guard let instruction = Instruction(rawValue: head & ~Self.hashFlag) else {
            throw SerdeError.invalid("a subscription with the unknown instruction \(head & ~Self.hashFlag)")
        }
        self.instruction = instruction
        hash = head & Self.hashFlag == 0 ? nil : try reader.readHash()
        partition = try reader.readInteger()
        key = try reader.readBytes(reader.remaining)
    }

    /// How subscriptions are written to their topic. What is read is valid while its record is processed.
    @usableFromInline static var serde: Serde<Subscription> {
        Serde(
            write: { subscription, writer in
                subscription.write(to: &writer)
                return true
            },
            read: { try Subscription(reading: $0) },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

/// What a right row answers to a left row in a foreign-key join: the value of a record of the response topic, whose key
/// is the left row's.
///
///     byte   version, 0
///     byte   1 if there is a right row, and 0x80 if a hash follows
///     16     hash of the left row that asked
///     rest   the right row, as its serde writes it
@usableFromInline
struct SubscriptionAnswer {
    @usableFromInline static let version: UInt8 = 0
    @usableFromInline static let rowFlag: UInt8 = 1

    /// The hash of the left row that asked: the answer is stale if the left row is another one by now.
    @usableFromInline var hash: Hash128?
    /// The right row; nil if there is none. Valid while the record is processed.
    @usableFromInline var row: UnsafeRawBufferPointer?

    @usableFromInline
    static func write(_ hash: Hash128?, row: UnsafeRawBufferPointer?, to writer: inout ByteWriter) {
        writer.append(version)
        writer.append((row == nil ? 0 : rowFlag) | (hash == nil ? 0 : Subscription.hashFlag))
        if let hash { writer.append(hash) }
        if let row { writer.append(row) }
    }

    @usableFromInline
    init(reading bytes: UnsafeRawBufferPointer) throws {
        var reader = ByteReader(bytes)
        let version: UInt8 = try reader.readInteger()
        guard version == Self.version else {
            throw SerdeError.invalid("an answer of version \(version), which this version of Millrace does not know")
        }
        let flags: UInt8 = try reader.readInteger()
        hash = flags & Subscription.hashFlag == 0 ? nil : try reader.readHash()
        row = flags & Self.rowFlag == 0 ? nil : try reader.readBytes(reader.remaining)
    }

    /// How answers are written to their topic. What is read is valid while its record is processed.
    @usableFromInline static var serde: Serde<SubscriptionAnswer> {
        Serde(
            write: { answer, writer in
                write(answer.hash, row: answer.row, to: &writer)
                return true
            },
            read: { try SubscriptionAnswer(reading: $0) },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}

extension ByteWriter {
    @usableFromInline
    mutating func append(_ hash: Hash128) {
        append(hash.high)
        append(hash.low)
    }
}

extension ByteReader {
    fileprivate mutating func readHash() throws(ByteReaderError) -> Hash128 {
        Hash128(high: try readInteger(), low: try readInteger())
    }
}
