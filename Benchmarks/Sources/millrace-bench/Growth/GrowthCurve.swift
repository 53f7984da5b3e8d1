import Millrace

/// What grows while everything else stays as it is; the cost of a record should stay, too.
enum GrowthCurve: String, CaseIterable {
    /// How many records are processed in a run, and so how long it lasts.
    case records
    /// How many different keys the store has.
    case keys
    /// How many partitions the input and the changelog have.
    case partitions
    /// The size of a value.
    case recordBytes
    /// How many operators a record goes through, one after the other.
    case operators
    /// How many stores each record changes.
    case stores

    /// The points of the curve when a workload has so many records.
    func points(records: Int64) -> [GrowthPlan] {
        let usual = GrowthInput(records: records, keys: 100_000, partitions: 4, valueBytes: 100)
        switch self {
        case .records:
            let most = GrowthInput(records: records * 10, keys: 100_000, partitions: 4, valueBytes: 100)
            return [records / 5, records * 2, records * 10].map { .count(self, $0, records: $0, most, stores: 1) }
        case .keys:
            return [Int64(10_000), 100_000, 1_000_000, 5_000_000].map { keys in
                var input = usual
                input.keys = UInt64(keys)
                return .count(self, keys, records: records, input, stores: 1)
            }
        case .partitions:
            return [Int32(1), 4, 16, 64, 256].map { partitions in
                var input = usual
                input.partitions = partitions
                return .count(self, Int64(partitions), records: records, input, stores: 1)
            }
        case .recordBytes:
            return [10, 100, 1_000, 10_000, 100_000].map { size in
                let input = GrowthInput(
                    records: min(records, 200 * records / Int64(size)),
                    keys: 100_000,
                    partitions: 4,
                    valueBytes: size
                )
                return GrowthPlan(
                    curve: self,
                    size: Int64(size),
                    records: input.records,
                    workload: "copy",
                    input: input,
                    topology: GrowthPlan.copy
                )
            }
        case .operators:
            let input = GrowthInput(records: records, keys: 100_000, partitions: 4, valueBytes: 8)
            return [1, 2, 4, 8, 16, 32].map { count in
                GrowthPlan(
                    curve: self,
                    size: Int64(count),
                    records: records,
                    workload: "add one, so many times",
                    input: input,
                    topology: { try GrowthPlan.chain(of: count) }
                )
            }
        case .stores:
            return [1, 2, 4, 8].map { stores in
                .count(self, Int64(stores), records: records, usual, stores: stores)
            }
        }
    }
}

/// The input of a point.
struct GrowthInput: Hashable {
    var records: Int64
    var keys: UInt64
    var partitions: Int32
    var valueBytes: Int
}

/// A point of a curve, to be measured.
struct GrowthPlan {
    var curve: GrowthCurve
    /// How much there is of what grows.
    var size: Int64
    /// How many records of the input are processed.
    var records: Int64
    var workload: String
    var input: GrowthInput
    var topology: () throws -> Topology

    static func count(
        _ curve: GrowthCurve,
        _ size: Int64,
        records: Int64,
        _ input: GrowthInput,
        stores: Int
    ) -> GrowthPlan {
        GrowthPlan(curve: curve, size: size, records: records, workload: "count", input: input) {
            let builder = StreamsBuilder()
            let grouped = builder.stream("input", keys: .uint64, values: .bytes).groupByKey()
            for number in 1...stores {
                grouped.count(store: StoreOptions(name: "counts-\(number)")).toStream().to(
                    "output",
                    keys: .uint64,
                    values: .int64
                )
            }
            return try builder.build()
        }
    }

    static func copy() throws -> Topology {
        let builder = StreamsBuilder()
        builder.stream("input", keys: .uint64, values: .bytes).to("output", keys: .uint64, values: .bytes)
        return try builder.build()
    }

    static func chain(of count: Int) throws -> Topology {
        let builder = StreamsBuilder()
        var stream = builder.stream("input", keys: .uint64, values: .int64)
        for _ in 0..<count { stream = stream.mapValues { $0 &+ 1 } }
        stream.to("output", keys: .uint64, values: .int64)
        return try builder.build()
    }
}
