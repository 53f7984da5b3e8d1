/// What a sensor sends, as JSON.
struct Reading: Codable, Sendable {
    var sensor: String
    var celsius: Double
    var atMs: Int64
}

/// A reading that cannot be true.
struct Implausible: Error, CustomStringConvertible {
    var celsius: Double

    var description: String { "\(celsius) °C is not a temperature that this sensor can measure" }
}
