import Testing

@Suite struct ManualPageTests {
    private func page(_ name: String, _ text: String) -> SourceText {
        SourceText(path: Manual.folder + name, text: text)
    }

    private func drawing(_ name: String, _ text: String) -> SourceText { page(name, text) }

    @Test("a page that links to none, and one that the first page does not list, are found") func pages() {
        let root = page("Millrace.md", "# M\n\n- <doc:One>\n")
        let one = page("One.md", "# One\n\nSee <doc:One>.\n")
        #expect(Manual.checkPages([root, one]) == [])
        #expect(Manual.checkPages([root]).map(\.line) == [3])
        #expect(Manual.checkPages([root, one, page("Two.md", "# Two\n")]).map(\.path) == [Manual.folder + "Two.md"])
    }

    @Test("a drawing that is missing, has no words, is shown nowhere, or has another dark twin is found")
    func drawings() {
        let text = "<svg>\n<style>\na\n</style>\n<line/>\n</svg>\n"
        let light = drawing("a.svg", text)
        let dark = drawing("a~dark.svg", text.replacing("\na\n", with: "\nb\n"))
        func check(_ text: String, _ drawings: [SourceText]) -> Int {
            Manual.checkDrawings([page("One.md", text)] + drawings, paths: drawings.map(\.path)).count
        }
        #expect(check("# One\n\n![What it shows.](a.svg)\n", [light, dark]) == 0)
        #expect(check("# One\n\n![](a.svg)\n", [light, dark]) == 1)
        #expect(check("# One\n\n![What it shows.](a.svg)\n", [light]) == 1)
        #expect(check("# One\n", [light, dark]) == 2)
        let other = drawing("a~dark.svg", text.replacing("line", with: "rect"))
        #expect(check("# One\n\n![What it shows.](a.svg)\n", [light, other]) == 1)
    }

    @Test("a public function or static member that no page mentions is found, once") func operators() {
        let code = """
            extension KStream {
                @inlinable public func filter() {}
                public static func make() {}
                public func filter(_ a: Int) {}
                func hidden() {}
                public var name: String { "" }
                public static var all: Int { 1 }
            }

            """
        let source = SourceText(path: "Sources/Streams/A.swift", text: code)
        #expect(Manual.checkOperators([source]).map(\.line) == [2, 3, 7])
        #expect(Manual.checkOperators([source, page("One.md", "# One\n\n`filter`, `make(_:)` and .all\n")]) == [])
    }

    @Test("a setting without a row is found") func settings() {
        let source = SourceText(
            path: "Sources/StreamsRuntime/StreamsConfiguration.swift",
            text: "public struct A {\n    public var threads = 1\n    public var other = 2\n}\n"
        )
        let table = page("Configuration.md", "# C\n\n| ``StreamsConfiguration/threads`` | 1 |\n")
        #expect(Manual.checkSettings([source, table]).map(\.line) == [3])
    }
}
