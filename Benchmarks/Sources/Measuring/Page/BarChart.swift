/// Horizontal bars in groups, each with its spread, and a mark across a group.
struct BarChart {
    struct Bar {
        var name: String
        /// A class of the style sheet.
        var style: String
        var value: Spread
        /// What is written behind the bar.
        var label: String
        /// What is shown when the pointer rests on it.
        var title: String
        /// Ends of parts within the bar, in the axis' unit, with the class of each.
        var parts: [(end: Double, style: String)] = []
    }

    struct Group {
        var name: String
        var bars: [Bar]
        /// A value that the bars are compared with.
        var floor: (value: Spread, title: String)?
    }

    var width = 760.0
    var left = 190.0
    /// Room for the labels behind the bars.
    var right = 90.0
    var x: Axis
    var groups: [Group]

    private let rowHeight = 19.0
    private let gap = 14.0
    private let top = 8.0

    var height: Double {
        top + groups.reduce(0) { $0 + Double($1.bars.count) * rowHeight + gap } + 36
    }

    func markup() -> Markup {
        let bottom = height - 36
        var parts: [Markup] = []
        for tick in x.ticks {
            let at = place(tick.place)
            parts.append(LineChart.line(at, top, at, bottom, tick.place == 0 ? "axis" : "grid"))
            parts.append(text(tick.label, at, bottom + 16, "tick middle"))
        }
        parts.append(text(x.label, place(0.5), height - 4, "unit middle"))
        var y = top + gap / 2
        for group in groups {
            parts.append(text(group.name, 0, y + 13.5, "group"))
            if let floor = group.floor {
                let end = y + Double(group.bars.count) * rowHeight
                parts.append(draw(floor.value, floor.title, y - 1, end + 1))
            }
            for (index, bar) in group.bars.enumerated() {
                parts.append(draw(bar, y + Double(index) * rowHeight))
            }
            y += Double(group.bars.count) * rowHeight + gap
        }
        return Markup("g", [:], parts)
    }

    private func draw(_ bar: Bar, _ y: Double) -> Markup {
        let middle = y + rowHeight / 2
        var mark: [Markup] = [Markup("title", [:], [Markup(bar.title)])]
        var begin = 0.0
        for part in bar.parts.isEmpty ? [(end: bar.value.median, style: bar.style)] : bar.parts {
            let from = place(x.place(of: begin))
            let to = place(x.place(of: part.end))
            mark.append(
                Markup(
                    "rect",
                    [
                        "x": LineChart.number(from), "y": LineChart.number(y + 2.5),
                        "width": LineChart.number(max(to - from, 0.5)), "height": LineChart.number(rowHeight - 5),
                        "class": "bar \(part.style)",
                    ]
                )
            )
            begin = part.end
        }
        let low = place(x.place(of: bar.value.min))
        let high = place(x.place(of: bar.value.max))
        if high - low > 1 {
            // First wider in the colour of the paper, to stand off from the bar.
            for style in ["halo", "spread"] {
                mark.append(LineChart.line(low, middle, high, middle, style))
                for end in [low, high] { mark.append(LineChart.line(end, middle - 3, end, middle + 3, style)) }
            }
        }
        mark.append(text(bar.name, left - 10, middle + 4, "tick end"))
        mark.append(text(bar.label, max(high, place(x.place(of: bar.value.median))) + 7, middle + 4, "value"))
        return Markup("g", [:], mark)
    }

    private func draw(_ floor: Spread, _ title: String, _ y: Double, _ end: Double) -> Markup {
        let low = place(x.place(of: floor.min))
        let high = place(x.place(of: floor.max))
        let at = place(x.place(of: floor.median))
        return Markup(
            "g",
            [:],
            [
                Markup("title", [:], [Markup(title)]),
                Markup(
                    "rect",
                    [
                        "x": LineChart.number(low), "y": LineChart.number(y),
                        "width": LineChart.number(max(high - low, 1)), "height": LineChart.number(end - y),
                        "class": "floor-band",
                    ]
                ),
                LineChart.line(at, y, at, end, "floor"),
                text("floor", max(high, at) + 6, y + 13.5, "floor-name"),
            ]
        )
    }

    private func place(_ share: Double) -> Double { left + share * (width - left - right) }

    private func text(_ text: String, _ x: Double, _ y: Double, _ style: String) -> Markup {
        Markup("text", ["x": LineChart.number(x), "y": LineChart.number(y), "class": style], [Markup(text)])
    }
}
