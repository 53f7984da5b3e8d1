import MillracePrimitives

extension Serde {
    /// Keys in windows of one size: the key, then the window's start in 8 bytes, as Kafka's `TimeWindowedSerde`.
    ///
    /// - Parameters:
    ///   - keys: how the keys are written.
    ///   - size: the size of the windows, which is not written; of sliding windows their difference.
    public static func timeWindowed<Key>(_ keys: Serde<Key>, size: Duration) -> Serde where Value == Windowed<Key> {
        timeWindowed(keys, sizeMs: size.wholeMilliseconds)
    }

    @usableFromInline
    static func timeWindowed<Key>(_ keys: Serde<Key>, sizeMs: Int64) -> Serde where Value == Windowed<Key> {
        Serde(
            format: "timeWindowed(\(keys.format))",
            write: { windowed, writer in
                guard try keys.write(windowed.key, &writer) else { return false }
                writer.append(windowed.window.startMs)
                return true
            },
            read: { bytes in
                let keyCount = bytes.count - 8
                guard keyCount >= 0 else { throw SerdeError.invalid("it is too short for the key of a window") }
                let startMs = Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: keyCount, as: Int64.self))
                return Windowed(
                    key: try keys.read(UnsafeRawBufferPointer(rebasing: bytes[..<keyCount])),
                    window: Window(startMs: startMs, endMs: startMs.addingSaturated(sizeMs))
                )
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }

    /// Keys in sessions: the key, then the session's end and start in 8 bytes each, as Kafka's `SessionWindowedSerde`.
    ///
    /// - Parameter keys: how the keys are written.
    public static func sessionWindowed<Key>(_ keys: Serde<Key>) -> Serde where Value == Windowed<Key> {
        Serde(
            format: "sessionWindowed(\(keys.format))",
            write: { windowed, writer in
                guard try keys.write(windowed.key, &writer) else { return false }
                writer.append(windowed.window.endMs)
                writer.append(windowed.window.startMs)
                return true
            },
            read: { bytes in
                let keyCount = bytes.count - 16
                guard keyCount >= 0 else { throw SerdeError.invalid("it is too short for the key of a session") }
                return Windowed(
                    key: try keys.read(UnsafeRawBufferPointer(rebasing: bytes[..<keyCount])),
                    window: Window(
                        startMs: Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: keyCount + 8, as: Int64.self)),
                        endMs: Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: keyCount, as: Int64.self))
                    )
                )
            },
            readNull: { throw SerdeError.unexpectedNull }
        )
    }
}
