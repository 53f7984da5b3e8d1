import ExampleSupport
import Millrace
import MillraceFoundationSerdes

extension TicketBooking {
    /// Requests for the 400 seats of each of four shows; many want the same seats, and every fifth walks away.
    static func input(count: Int) throws -> [ProducerRecord] {
        var random = ExampleRandom(seed: 3)
        let shows = ["Aida", "Carmen", "Tosca", "Turandot"]
        let requests = Serde<Request>.json
        return try (0..<count).map { number in
            let show = shows[Int.random(in: 0..<shows.count, using: &random)]
            let row = Int.random(in: 1...20, using: &random)
            let request = Request(
                customer: "customer-\(number)",
                show: show,
                seat: "\(show)/\(row)-\(Int.random(in: 1...20, using: &random))",
                cents: Int64(12_000 - 400 * row),
                isCancelled: Int.random(in: 0..<5, using: &random) == 0
            )
            // A seat is always asked for in the same partition, so that who comes first is the same in each run.
            return ProducerRecord(
                topic: "requests",
                key: Array(request.seat.utf8),
                value: try requests.bytes(of: request),
                timestamp: 1_000 * Int64(number)
            )
        }
    }
}
