/// Lines through what was measured, each point with its spread.
struct LineChart {
    struct Point {
        var x: Double
        var y: Spread
        /// What is shown when the pointer rests on it.
        var title: String
    }

    struct Line {
        /// What is written at its end.
        var name: String
        /// A class of the style sheet.
        var style: String
        var points: [Point]
        /// Whether the spread is drawn as a band and not at each point.
        var isBand = false
    }

    /// A value that is aimed at: a short line across its place.
    struct Aim {
        var x: Double
        var y: Double
        var style: String
        var title: String
    }

    var title = ""
    var width = 760.0
    var height = 300.0
    var x: Axis
    var y: Axis
    var lines: [Line]
    var aims: [Aim] = []
    /// Room for the names of the lines.
    var right = 16.0

    private let left = 52.0
    private var bottom: Double { x.ticks.contains { !$0.note.isEmpty } ? 58 : 44 }
    private var top: Double { title.isEmpty ? 26 : 48 }

    func markup() -> Markup {
        let ends = lines.compactMap { line in line.points.last.map { (line, place($0.x, $0.y.median).1) } }
        let names = zip(ends.map(\.0), Self.apart(ends.map(\.1), by: 15)).map { line, height in
            Markup(
                "text",
                ["x": Self.number(width - right + 8), "y": Self.number(height + 4), "class": "name \(line.style)"],
                [Markup(line.name)]
            )
        }
        return Markup(
            "g",
            [:],
            frame + lines.flatMap(draw) + aims.map(draw) + (right > 16 ? names : [])
        )
    }

    private var frame: [Markup] {
        var parts: [Markup] = []
        if !title.isEmpty {
            parts.append(Markup("text", ["x": "0", "y": "14", "class": "panel"], [Markup(title)]))
        }
        let middle = Self.number((left + width - right) / 2)
        parts.append(
            Markup("text", ["x": "0", "y": Self.number(top - 14), "class": "unit"], [Markup(y.label)])
        )
        parts.append(
            Markup("text", ["x": middle, "y": Self.number(height - 4), "class": "unit middle"], [Markup(x.label)])
        )
        for tick in y.ticks {
            let at = height - bottom - tick.place * (height - bottom - top)
            parts.append(Self.line(left, at, width - right, at, "grid"))
            parts.append(
                Markup(
                    "text",
                    ["x": Self.number(left - 8), "y": Self.number(at + 4), "class": "tick end"],
                    [Markup(tick.label)]
                )
            )
        }
        for tick in x.ticks {
            let at = left + tick.place * (width - left - right)
            parts.append(Self.line(at, height - bottom, at, height - bottom + 4, "axis"))
            parts.append(
                Markup(
                    "text",
                    ["x": Self.number(at), "y": Self.number(height - bottom + 18), "class": "tick middle"],
                    [Markup(tick.label)]
                )
            )
            if !tick.note.isEmpty {
                parts.append(
                    Markup(
                        "text",
                        ["x": Self.number(at), "y": Self.number(height - bottom + 33), "class": "value middle"],
                        [Markup(tick.note)]
                    )
                )
            }
        }
        parts.append(Self.line(left, height - bottom, width - right, height - bottom, "axis"))
        return parts
    }

    private func draw(_ line: Line) -> [Markup] {
        let places = line.points.map { place($0.x, $0.y.median) }
        var parts: [Markup] = []
        if line.isBand {
            let edge = line.points.map { place($0.x, $0.y.max) } + line.points.reversed().map { place($0.x, $0.y.min) }
            parts.append(Markup("path", ["d": Self.path(edge) + "Z", "class": "band \(line.style)"]))
        }
        parts.append(Markup("path", ["d": Self.path(places), "class": "line \(line.style)"]))
        for (point, place) in zip(line.points, places) {
            var mark: [Markup] = [Markup("title", [:], [Markup(point.title)])]
            if !line.isBand {
                let low = self.place(point.x, point.y.min).1
                let high = self.place(point.x, point.y.max).1
                if low - high > 1 { mark.append(Self.line(place.0, low, place.0, high, "whisker \(line.style)")) }
            }
            mark.append(
                Markup(
                    "circle",
                    [
                        "cx": Self.number(place.0), "cy": Self.number(place.1), "r": line.isBand ? "2" : "3",
                        "class": "dot \(line.style)",
                    ]
                )
            )
            // A larger place for the pointer.
            mark.append(
                Markup("circle", ["cx": Self.number(place.0), "cy": Self.number(place.1), "r": "9", "class": "touch"])
            )
            parts.append(Markup("g", [:], mark))
        }
        return parts
    }

    private func draw(_ aim: Aim) -> Markup {
        let (x, y) = place(aim.x, aim.y)
        return Markup(
            "g",
            [:],
            [Markup("title", [:], [Markup(aim.title)]), Self.line(x - 16, y, x + 16, y, "aim \(aim.style)")]
        )
    }

    private func place(_ x: Double, _ y: Double) -> (Double, Double) {
        (
            left + self.x.place(of: x) * (width - left - right),
            height - bottom - self.y.place(of: y) * (height - bottom - top)
        )
    }

    /// The same places, moved so that no two are closer than a distance.
    static func apart(_ places: [Double], by distance: Double) -> [Double] {
        let order = places.indices.sorted { places[$0] < places[$1] }
        var moved = places
        for (before, after) in zip(order, order.dropFirst()) where moved[after] < moved[before] + distance {
            moved[after] = moved[before] + distance
        }
        return moved
    }

    static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> Markup {
        Markup(
            "line",
            ["x1": number(x1), "y1": number(y1), "x2": number(x2), "y2": number(y2), "class": style]
        )
    }

    /// A coordinate, to a tenth.
    static func number(_ value: Double) -> String {
        let tenths = (value * 10).rounded() / 10
        return tenths == tenths.rounded() ? "\(Int(tenths))" : "\(tenths)"
    }

    private static func path(_ places: [(Double, Double)]) -> String {
        "M" + places.map { "\(number($0.0)) \(number($0.1))" }.joined(separator: "L")
    }
}
