import MillracePrimitives

/// What a task commits beside the offset of one of its input partitions, in the text that Kafka keeps with it: how far
/// the partition's time had come, and registers of operators.
///
/// The layout is version 2 of Kafka Streams' `TopicPartitionMetadata` (KIP-825), in base 64: the version, the time, then
/// unless there are none the number of registers and for each the length of its name, the name and the number.
package struct PartitionMetadata: Hashable, Sendable {
    /// The most characters that a broker keeps unless it is told otherwise. Kafka: `offset.metadata.max.bytes`.
    package static let maximumTextBytes = 4_096
    /// What the time says before the first record.
    package static let noTime: Int64 = -1

    private static let version: UInt8 = 2
    private static let versionWithoutRegisters: UInt8 = 1
    private static let headBytes = 1 + 8
    private static let countBytes = 4

    /// The greatest timestamp of the partition's processed records, in milliseconds.
    package var timeMs: Int64
    /// The registers that are kept with this partition, by name.
    package var registers: [String: Int64]

    package init(timeMs: Int64 = noTime, registers: [String: Int64] = [:]) {
        self.timeMs = timeMs
        self.registers = registers
    }

    /// How many bytes of registers fit beside one offset.
    static let registerBytesMaximum = maximumTextBytes / 4 * 3 - headBytes - countBytes

    /// How many bytes a register of this name takes.
    static func bytes(ofRegister name: String) -> Int { 4 + name.utf8.count + 8 }

    /// As text; registers are written in the order of their names.
    package var text: String {
        var writer = ByteWriter(capacity: 64)
        writer.append(Self.version)
        writer.append(timeMs)
        if !registers.isEmpty {
            writer.append(Int32(registers.count))
            for (name, value) in registers.sorted(by: { $0.key < $1.key }) {
                writer.append(Int32(name.utf8.count))
                writer.append(utf8: name)
                writer.append(value)
            }
        }
        return Base64.encode(writer.bytes)
    }

    /// Reads a committed text; nil if nothing is in it that a task wrote.
    package init?(text: String) {
        guard !text.isEmpty, let bytes = Base64.decode(text) else { return nil }
        do {
            self = try bytes.withUnsafeBytes { try PartitionMetadata(reading: $0) }
        } catch {
            return nil
        }
    }

    private init(reading bytes: UnsafeRawBufferPointer) throws(ByteReaderError) {
        var reader = ByteReader(bytes)
        let version = try reader.readInteger(UInt8.self)
        guard version == Self.version || version == Self.versionWithoutRegisters else {
            throw .invalidLength(offset: 0, length: Int64(version))
        }
        timeMs = try reader.readInteger()
        registers = [:]
        guard version == Self.version, !reader.isAtEnd else { return }
        for _ in 0..<max(0, try reader.readInteger(Int32.self)) {
            let name = try reader.readString(Int(try reader.readInteger(Int32.self)))
            registers[name] = try reader.readInteger(Int64.self)
        }
    }
}
