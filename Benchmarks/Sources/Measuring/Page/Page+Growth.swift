extension Page {
    /// What a record costs as one thing grows, a panel for each.
    var growth: Markup? {
        let titles: [(curve: String, title: String, unit: String)] = [
            ("records", "Records", "records in a run"), ("keys", "Keys", "different keys"),
            ("partitions", "Partitions", "partitions"), ("recordBytes", "Record size", "bytes of a value"),
            ("operators", "Operators", "operators in a chain"), ("stores", "Stores", "stores changed by a record"),
        ]
        let panels = titles.compactMap { title in panel(title.curve, title.title, title.unit) }
        guard !panels.isEmpty else { return nil }
        let usual = points.first { $0.curve != "records" && $0.curve != "recordBytes" }.map { $0.records }
        return Self.figure(
            "Growth",
            """
            What a record costs while one thing grows and the rest stays: \
            \(Figures.count(Double(usual ?? 0))) records with values of 100 bytes, 100,000 keys, 4 partitions, under \
            exactly-once on one thread, commits every 100 ms, the start of the application included. Records, keys, \
            partitions and stores are measured with count, the size of a value with a copy, on logarithmic axes, and \
            operators with numbers to which each operator adds one. The axes of records, keys and partitions are \
            logarithmic to the right.
            """,
            height: Double((panels.count + 2) / 3) * 230,
            panels.enumerated().map { index, panel in
                Self.moved(panel, Double(index % 3) * 256, Double(index / 3) * 230)
            }
        )
    }

    private func panel(_ curve: String, _ title: String, _ unit: String) -> Markup? {
        let points = points.filter { $0.curve == curve }.sorted { $0.size < $1.size }
        guard !points.isEmpty else { return nil }
        let isLogarithmic = curve == "recordBytes"
        let values = points.flatMap { [$0.nanosecondsPerRecord.min, $0.nanosecondsPerRecord.max] }
        let isCounted = curve == "operators" || curve == "stores"
        let line = LineChart.Line(
            name: "",
            style: "one",
            points: points.map { point in
                LineChart.Point(
                    x: Double(point.size),
                    y: point.nanosecondsPerRecord,
                    title: """
                        \(Figures.count(Double(point.size))) \(unit): \
                        \(Figures.spread(point.nanosecondsPerRecord, Figures.digits)) ns a record, in \(point.runs) runs \
                        of \(Figures.count(Double(point.records))) records
                        """
                )
            }
        )
        var label = "ns a record"
        if let first = points.first, let last = points.last, last.size > first.size {
            let cost = last.nanosecondsPerRecord.median - first.nanosecondsPerRecord.median
            let each = Figures.digits(cost / Double(last.size - first.size))
            if isLogarithmic { label += ", \(each) more for each byte" }
            if isCounted { label += ", \(each) more for each" }
        }
        return LineChart(
            title: title,
            width: 236,
            height: 216,
            x: isCounted
                ? .linear(unit, upTo: Double(points.last?.size ?? 1), steps: 4)
                : .magnitudes(unit, at: points.map { Double($0.size) }),
            y: isLogarithmic
                ? .logarithmic(label, from: values.min() ?? 1, to: values.max() ?? 1, write: Figures.count)
                : .linear(label, upTo: values.max() ?? 1, steps: 4, write: Figures.count),
            lines: [line],
            right: 4
        ).markup()
    }
}
