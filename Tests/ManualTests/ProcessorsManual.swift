import Millrace
import MillraceTestKit
import Testing

/// The code of the manual's page on processors, run.
struct ProcessorsManual {
    @Test("A function with a store numbers the records of each key")
    func processValues() throws {
        let builder = StreamsBuilder()
        // snippet: process-values
        let seen = Stores.keyValue("seen", keys: .utf8, values: .int64)
        let numbered: KStream<String, String> = builder.stream("visits", keys: .utf8, values: .utf8)
            .processValues(stores: seen) { record, context, seen in
                let number = (try seen.get(record.key) ?? 0) + 1
                try seen.put(record.key, number)
                try context.forward(record.withValue("\(record.value) #\(number)"))
            }
        numbered.to("numbered", values: .utf8)
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let visits = driver.input("visits", keys: .utf8, values: .utf8)
        try visits.pipe("ada", "a")
        try visits.pipe("ada", "b")
        let output = driver.output("numbered", keys: .utf8, values: .utf8)
        #expect(try output.readAll().map(\.value) == ["a #1", "b #2"])
    }

    // snippet: processor-schedule
    struct Heartbeat: Processor {
        let context: ProcessorContext<String, String>
        let latest: KeyValueStore<String, String>

        func start() throws {
            try context.schedule(every: .seconds(60), .streamTime) { nowMs in
                var rows = try latest.all()
                while let (sensor, value) = try rows.next() {
                    try context.forward(Record(key: sensor, value: value, timestampMs: nowMs))
                }
            }
        }

        func process(_ record: Record<String, String>) throws {
            try latest.put(record.key, record.value)
        }
    }
    // snippet.end

    @Test("A processor repeats the latest values minute by minute")
    func schedule() throws {
        let latest = Stores.keyValue("latest", keys: .utf8, values: .utf8)
        let builder = StreamsBuilder()
        let repeated: KStream<String, String> = builder.stream("readings", keys: .utf8, values: .utf8)
            .process(stores: latest) { Heartbeat(context: $0, latest: $1) }
        repeated.to("latest-readings", keys: .utf8, values: .utf8)
        let driver = try TopologyTestDriver(try builder.build())
        let readings = driver.input("readings", keys: .utf8, values: .utf8)
        try readings.pipe("cellar", "10", at: 1_000)
        try readings.pipe("attic", "20", at: 61_000)
        let output = driver.output("latest-readings", keys: .utf8, values: .utf8)
        #expect(
            try output.readAll().map { "\($0.key ?? "")=\($0.value ?? "")@\($0.timestampMs)" }
                == ["cellar=10@1000", "attic=20@61000", "cellar=10@61000"]
        )
    }

    // snippet: key-timers
    struct Reminding: Processor {
        let context: ProcessorContext<String, String>
        let deadlines: KeyTimers<String>

        func start() throws {
            deadlines.onTimer { timer in
                try context.forward(Record(key: timer.key, value: "overdue", timestampMs: timer.nowMs))
            }
        }

        func process(_ record: Record<String, String>) throws {
            if record.value == "paid" {
                _ = try deadlines.cancel(record.key, .streamTime)
            } else {
                try deadlines.set(record.key, at: record.timestampMs + 60_000, .streamTime)
            }
        }
    }
    // snippet.end

    @Test("A processor is called when the timer of a key is due, also after a crash")
    func timers() throws {
        let builder = StreamsBuilder()
        let deadlines = Stores.timers("deadlines", keys: .utf8)
        let reminders: KStream<String, String> = builder.stream("orders", keys: .utf8, values: .utf8)
            .process(stores: deadlines) { Reminding(context: $0, deadlines: $1) }
        reminders.to("reminders", keys: .utf8, values: .utf8)
        let driver = try TopologyTestDriver(try builder.build())
        let orders = driver.input("orders", keys: .utf8, values: .utf8)
        try orders.pipe("o1", "placed", at: 1_000)
        try orders.pipe("o2", "placed", at: 2_000)
        try orders.pipe("o1", "paid", at: 3_000)
        try driver.crash()
        try orders.pipe("o3", "placed", at: 62_000)
        let output = driver.output("reminders", keys: .utf8, values: .utf8)
        #expect(try output.readAll().map(\.key) == ["o2"])
    }

    @Test("What a processor forwards to an output comes out there")
    func outputs() throws {
        let builder = StreamsBuilder()
        // snippet: processor-outputs
        let alerts = OutputReference<String, String>("alerts")
        let checked: KStream<String, Int64> = builder.stream("payments", keys: .utf8, values: .int64)
            .process { record, context in
                try context.forward(record)
                if record.value > 1_000_000 { try context.forward(record.withValue("large"), to: alerts) }
            }
        checked.to("checked-payments", keys: .utf8, values: .int64)
        checked.output(alerts, keys: .utf8, values: .utf8).to("alerts")
        // snippet.end
        let driver = try TopologyTestDriver(try builder.build())
        let payments = driver.input("payments", keys: .utf8, values: .int64)
        try payments.pipe("ada", 5)
        try payments.pipe("bob", 2_000_000)
        #expect(try driver.output("checked-payments", keys: .utf8, values: .int64).readAll().count == 2)
        #expect(try driver.output("alerts", keys: .utf8, values: .utf8).readAll().map(\.key) == ["bob"])
    }
}
