import ExampleSupport
import Millrace
import MillraceFoundationSerdes

extension SensorCleaning {
    /// Readings of twelve sensors; one in fifty is torn in transmission, one in a hundred is nonsense.
    static func input(count: Int) throws -> [ProducerRecord] {
        var random = ExampleRandom(seed: 5)
        let readings = Serde<Reading>.json
        return try (0..<count).map { number in
            let sensor = Int.random(in: 1...12, using: &random)
            let fault = Int.random(in: 0..<100, using: &random)
            let degrees = Double(sensor + Int.random(in: -40...40, using: &random)) / 2
            let reading = Reading(
                sensor: "sensor-\(sensor < 10 ? "0" : "")\(sensor)",
                celsius: fault == 0 ? 999 : degrees,
                atMs: 1_000 * Int64(number)
            )
            var value = try readings.bytes(of: reading) ?? []
            if fault == 1 || fault == 2 { value.removeLast(value.count / 2) }
            return ProducerRecord(
                topic: "readings",
                key: Array(reading.sensor.utf8),
                value: value,
                timestamp: reading.atMs
            )
        }
    }
}
