import MillraceStateStores
import MillraceStreamsRuntime

extension KeyValueState: InspectableStore {
    @usableFromInline
    package func forEachEntry(
        _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Int64) throws -> Void
    ) throws {
        var entries: [Int] = []
        let collect: (Int) -> Void = { entries.append($0) }
        table.forEach(collect)
        for entry in entries.sorted(by: { table.key(at: $0).lexicographicallyPrecedes(table.key(at: $1)) }) {
            let bytes = table.value(at: entry)
            guard let timestampMs = TimestampedValue.timestampMs(bytes),
                timestampMs > lifetime?.expiredThroughMs ?? Int64.min
            else { continue }
            try visit(
                table.key(at: entry),
                UnsafeRawBufferPointer(rebasing: bytes[TimestampedValue.headCount...]),
                timestampMs
            )
        }
    }
}
