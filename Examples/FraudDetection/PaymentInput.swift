import ExampleSupport
import Millrace
import MillraceFoundationSerdes

extension FraudDetection {
    /// Payments with a thousand cards, of which a few are in the wrong hands.
    static func input(count: Int) throws -> [ProducerRecord] {
        var random = ExampleRandom(seed: 2)
        let countries = ["AT", "BR", "CA", "DK", "EG"]
        let payments = Serde<Payment>.json
        return try (0..<count).map { number in
            let isStolen = Int.random(in: 0..<400, using: &random) == 0
            let card = isStolen ? Int.random(in: 0..<8, using: &random) : Int.random(in: 8..<1_000, using: &random)
            let home = countries[card % countries.count]
            let payment = Payment(
                cents: Int.random(in: 100...50_000, using: &random),
                country: isStolen ? countries[Int.random(in: 0..<countries.count, using: &random)] : home,
                atMs: 500 * Int64(number)
            )
            return ProducerRecord(
                topic: "payments",
                key: Array("card-\(1_000 + card)".utf8),
                value: try payments.bytes(of: payment),
                timestamp: payment.atMs
            )
        }
    }
}
