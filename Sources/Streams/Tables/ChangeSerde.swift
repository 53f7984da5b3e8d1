import MillracePrimitives

/// What a message with an update of a table holds; its code is the message's last byte (KIP-904).
@usableFromInline
enum ChangeContent: UInt8 {
    /// The value before the update.
    case old = 0
    /// The value after it.
    case new = 1
    /// The length of the value after it (4 bytes, big-endian), that value, then the one before it.
    case both = 2
}

extension Serde {
    /// Writes the values before and after an update into one message, as Kafka Streams does (KIP-904), so that nobody sees
    /// the state between them. A value that its serde writes as null counts as missing; an update without any is null.
    @inlinable
    package var changes: Serde<Change<Value>> {
        let values = self
        return Serde<Change<Value>>(
            format: "change of \(format)",
            write: { change, writer in try values.write(change, &writer) },
            read: { bytes in try values.readChange(bytes) },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }

    @inlinable
    func write(_ change: Change<Value>, _ writer: inout ByteWriter) throws -> Bool {
        guard let new = change.new else {
            return try change.old.map { try write($0, as: .old, &writer) } ?? false
        }
        guard let old = change.old else { return try write(new, as: .new, &writer) }
        let start = writer.count
        writer.append(UInt32(0))
        guard try write(new, &writer) else {
            writer.truncate(to: start)
            return try write(old, as: .old, &writer)
        }
        let newCount = writer.count - start - ChangeContent.lengthCount
        guard try write(old, &writer) else {
            writer.truncate(to: start)
            return try write(new, as: .new, &writer)
        }
        writer.overwrite(at: start, with: UInt32(newCount))
        writer.append(ChangeContent.both.rawValue)
        return true
    }

    @inlinable
    func write(_ value: Value, as content: ChangeContent, _ writer: inout ByteWriter) throws -> Bool {
        guard try write(value, &writer) else { return false }
        writer.append(content.rawValue)
        return true
    }

    @inlinable
    func readChange(_ bytes: UnsafeRawBufferPointer) throws -> Change<Value> {
        guard let content = bytes.last.flatMap(ChangeContent.init) else {
            throw SerdeError.invalid("it does not end as the update of a table does")
        }
        let body = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
        switch content {
        case .old: return Change(new: nil, old: try read(body))
        case .new: return Change(new: try read(body), old: nil)
        case .both:
            guard body.count >= ChangeContent.lengthCount else { throw SerdeError.invalid("the update is cut off") }
            let newCount = Int(UInt32(bigEndian: body.loadUnaligned(as: UInt32.self)))
            let values = body[ChangeContent.lengthCount...]
            guard newCount <= values.count else { throw SerdeError.invalid("the update is cut off") }
            return Change(
                new: try read(UnsafeRawBufferPointer(rebasing: values.prefix(newCount))),
                old: try read(UnsafeRawBufferPointer(rebasing: values.dropFirst(newCount)))
            )
        }
    }
}

extension ChangeContent {
    /// The bytes of the length before two values.
    @inlinable static var lengthCount: Int { 4 }
}
