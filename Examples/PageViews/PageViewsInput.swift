import ExampleSupport
import Millrace

extension PageViews {
    /// 200 users, each in a region; every hundredth record tells of one who moves, the others are views of pages.
    static func input(count: Int) -> [ProducerRecord] {
        var random = ExampleRandom(seed: 1)
        let regions = ["Africa", "America", "Asia", "Europe", "Oceania"]
        func move(_ user: Int, at timestampMs: Int64) -> ProducerRecord {
            ProducerRecord(
                topic: "users",
                key: "user-\(user)",
                value: regions[Int.random(in: 0..<regions.count, using: &random)],
                timestamp: timestampMs
            )
        }
        var records = (0..<200).map { move($0, at: 0) }
        while records.count < count {
            let timestampMs = Int64(records.count) * 20
            let user = Int.random(in: 0..<200, using: &random)
            if Int.random(in: 0..<100, using: &random) == 0 {
                records.append(move(user, at: timestampMs))
            } else {
                records.append(
                    ProducerRecord(
                        topic: "page-views",
                        key: "user-\(user)",
                        value: "/page/\(Int.random(in: 1...50, using: &random))",
                        timestamp: timestampMs
                    )
                )
            }
        }
        return records
    }
}
