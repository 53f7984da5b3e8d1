private import CMillracePlatform

/// CRC-32C (Castagnoli), which Kafka's record batches are guarded with.
public enum CRC32C {
    /// The checksum of `bytes`, continuing from the checksum of what precedes them.
    public static func checksum(_ bytes: UnsafeRawBufferPointer, continuing checksum: UInt32 = 0) -> UInt32 {
        millrace_crc32c(checksum, bytes.baseAddress, bytes.count)
    }

    /// The same without the processor's instruction; for comparison in tests.
    package static func portableChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        millrace_crc32c_portable(0, bytes.baseAddress, bytes.count)
    }

    /// Whether the processor's instruction is used.
    public static var isAccelerated: Bool { millrace_crc32c_is_accelerated() != 0 }
}
