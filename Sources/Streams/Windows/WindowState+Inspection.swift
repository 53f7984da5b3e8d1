import MillraceStateStores
import MillraceStreamsRuntime

extension WindowState: InspectableWindowStore {
    @usableFromInline
    package func forEachRow(_ visit: (InspectedWindow) throws -> Void) throws {
        for entry in windows.all(showsExpired: isCached) {
            let bytes = windows.rows.bytes.value(at: entry)
            let startMs = windows.startMs(at: entry)
            try visit(
                InspectedWindow(
                    key: windows.rows.key(at: entry),
                    startMs: startMs,
                    endMs: startMs.addingSaturated(sizeMs),
                    value: UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]),
                    timestampMs: TimestampedValue.timestampMs(bytes)
                )
            )
        }
    }
}

extension SessionState: InspectableWindowStore {
    @usableFromInline
    package func forEachRow(_ visit: (InspectedWindow) throws -> Void) throws {
        for entry in sessions.all(showsExpired: isCached) {
            try visit(
                InspectedWindow(
                    key: sessions.rows.key(at: entry),
                    startMs: sessions.startMs(at: entry),
                    endMs: sessions.endMs(at: entry),
                    value: sessions.rows.bytes.value(at: entry),
                    timestampMs: nil
                )
            )
        }
    }
}
