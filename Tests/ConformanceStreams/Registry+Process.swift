import Millrace

/// The topologies with processors.
extension Registry {
    static let process: [String: Register] = [
        "process-values": { builder, parameters in
            let emitEvery = Int64(try parameters.int("emitEvery"))
            let resetAt = Int64(try parameters.int("resetAt"))
            let seen = Stores.keyValue("seen", keys: .utf8, values: .int64)
            let numbered: TextStream = stream(builder).processValues(stores: seen) { record, context, seen in
                guard let key = record.key else { return }
                let number = (try seen.get(key) ?? 0) + 1
                try seen.put(key, number)
                if number.isMultiple(of: emitEvery) {
                    try context.forward(record.withValue("\(str(record.value))#\(number)"))
                }
                if number == resetAt { try seen.delete(key) }
            }
            numbered.write("out")
        },
        "process-forward": { builder, parameters in
            let shiftMs = Int64(try parameters.int("shiftMs"))
            let addsHeader = try parameters.flag("addHeader")
            let forwarded: TextStream = stream(builder).process { record, context in
                try context.forward(record)
                if let key = record.key {
                    try context.forward(record.withKey(key + "2").withTimestamp(record.timestampMs + shiftMs))
                }
                if addsHeader {
                    let name = str(record.value)
                    var headers = record.headers
                    headers.append(RecordHeader("n", text: name))
                    try context.forward(record.withValue("h:" + name).withHeaders(headers))
                }
            }
            forwarded.write("out")
        },
        "punctuate-stream-time": { builder, parameters in
            try punctuate(builder, parameters, .streamTime)
        },
        "punctuate-wall-clock": { builder, parameters in
            try punctuate(builder, parameters, .wallClock)
        },
    ]

    private static func punctuate(_ builder: StreamsBuilder, _ parameters: Parameters, _ kind: TimeKind) throws {
        let interval = Duration.milliseconds(try parameters.int("intervalMs"))
        let clears = try parameters.flag("clear")
        let cancelAfter = try parameters.int("cancelAfter")
        let counts = Stores.keyValue("counts", keys: .utf8, values: .int64)
        stream(builder).process(stores: counts) { context, counts in
            Counting(context, counts, every: interval, kind, clears: clears, cancelAfter: cancelAfter)
        }
        .write("out")
    }
}

/// Counts the records of each key, and writes the counts out at intervals.
private final class Counting: Processor {
    private let context: ProcessorContext<String?, String?>
    private let counts: KeyValueStore<String, Int64>
    private let interval: Duration
    private let kind: TimeKind
    private let clears: Bool
    private let cancelAfter: Int
    private var schedule: Punctuation?
    private var fired = 0

    init(
        _ context: ProcessorContext<String?, String?>,
        _ counts: KeyValueStore<String, Int64>,
        every interval: Duration,
        _ kind: TimeKind,
        clears: Bool,
        cancelAfter: Int
    ) {
        self.context = context
        self.counts = counts
        self.interval = interval
        self.kind = kind
        self.clears = clears
        self.cancelAfter = cancelAfter
    }

    func start() throws {
        schedule = try context.schedule(every: interval, kind) { [weak self] nowMs in try self?.punctuate(nowMs) }
    }

    func process(_ record: Record<String?, String?>) throws {
        guard let key = record.key else { return }
        try counts.put(key, (try counts.get(key) ?? 0) + 1)
    }

    private func punctuate(_ nowMs: Int64) throws {
        for (key, count) in try counts.all().collect() {
            try context.forward(Record(key: key, value: "n=\(count)@\(nowMs)", timestampMs: nowMs))
        }
        if clears { for (key, _) in try counts.all().collect() { try counts.delete(key) } }
        fired += 1
        if fired == cancelAfter { schedule?.cancel() }
    }
}
