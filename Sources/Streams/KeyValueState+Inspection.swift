import MillraceStateStores
import MillraceStreamsRuntime

extension KeyValueState: InspectableStore {
    @usableFromInline
    package func forEachEntry(
        _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void
    ) throws {
        var entries: [Int] = []
        table.forEach { entries.append($0) }
        entries.sort { table.key(at: $0).lexicographicallyPrecedes(table.key(at: $1)) }
        for entry in entries {
            let bytes = table.value(at: entry)
            guard let timestampMs = TimestampedValue.timestampMs(bytes) else { continue }
            try visit(
                table.key(at: entry),
                UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]),
                timestampMs
            )
        }
    }
}
