import MillracePrimitives

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The number from which everything random in one run of a test follows.
///
/// A test takes one as its argument, so that the report of a failure names it:
///
///     @Test("what was committed survives power loss", arguments: Seed.sequence(100))
///     func committedSurvives(seed: Seed) { var random = seed.random ... }
///
/// With `MILLRACE_SEED=17` in the environment, every such test runs with that seed alone.
public struct Seed: Hashable, Sendable, CustomStringConvertible {
    /// The number.
    public var value: UInt64

    /// Makes a seed from its number.
    public init(_ value: UInt64) {
        self.value = value
    }

    /// The generator that this seed starts.
    public var random: SeededRandom { SeededRandom(seed: value) }

    /// How to run the test with this seed again.
    public var description: String { "MILLRACE_SEED=\(value)" }

    /// The seeds 0 up to `count`, or the one from the environment.
    public static func sequence(_ count: Int) -> [Seed] {
        if let text = getenv("MILLRACE_SEED"), let value = UInt64(String(cString: text)) { return [Seed(value)] }
        return (0..<count).map { Seed(UInt64($0)) }
    }
}
