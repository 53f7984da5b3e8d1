import Testing

@Suite struct SnippetTests {
    private let example = SourceText(
        path: "Examples/A/A.swift",
        text: """
            func f() {
                // snippet: one
                let a = 1
                // snippet.hide
                prepare()
                // snippet.show

                if a > 0 {
                    g()
                }
                // snippet.end
            }

            """
    )

    private func readme(_ text: String) -> SourceText { SourceText(path: "README.md", text: text) }

    private let document = """
        # Title

        <!-- snippet: one -->
        ```swift
        let a = 1

        if a > 0 {
            g()
        }
        ```

        ```sh
        make run
        ```
        """

    @Test("a fence that equals its snippet passes, whatever the indentation") func equal() {
        #expect(Snippets.check([readme(document), example]) == [])
        let inList = document.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }
        #expect(Snippets.check([readme(inList.joined(separator: "\n")), example]) == [])
    }

    @Test("no document and no snippet is in order") func nothing() {
        #expect(Snippets.check([]) == [])
    }

    @Test("a fence that differs is found at its first line that does") func different() {
        let messages = Snippets.check([readme(document.replacing("g()", with: "h()")), example]).map(\.description)
        #expect(messages == ["README.md:8: differs from Examples/A/A.swift, `// snippet: one`; copy it from there"])
        #expect(Snippets.check([readme(document.replacing("let a = 1\n", with: "")), example]).map(\.line) == [5])
        #expect(Snippets.check([readme(document.replacing("}\n```", with: "```")), example]).map(\.line) == [9])
    }

    @Test("a Swift fence without a name is found") func unnamed() {
        let bare = document.replacing("<!-- snippet: one -->", with: "Text.")
        #expect(Snippets.check([readme(bare), example]).map(\.path) == ["README.md", "Examples/A/A.swift"])
        let documentation = SourceText(path: "Sources/Streams/Streams.docc/A.md", text: "# A\n\n```swift\nf()\n```\n")
        #expect(Snippets.check([documentation]).map(\.line) == [3])
    }

    @Test("a name that no code has is found, and code that no document shows") func unmatched() {
        #expect(Snippets.check([readme(document)]).map(\.line) == [4])
        #expect(Snippets.check([example]).map(\.line) == [2])
    }

    @Test("a snippet that does not end, ends twice or has another's name is found") func malformed() {
        let open = SourceText(path: "Tests/A.swift", text: "// snippet: one\nlet a = 1\n")
        #expect(Snippets.check([open]).map(\.line) == [1])
        let closed = SourceText(path: "Tests/A.swift", text: "// snippet.end\n")
        #expect(Snippets.check([closed]).map(\.line) == [1])
        let second = SourceText(path: "Tests/B.swift", text: "// snippet: one\n// snippet.end\n")
        #expect(
            Snippets.check([readme(document), second, example]).contains { $0.message.hasPrefix("a second snippet") }
        )
    }

    @Test("markers in string literals are text") func literals() {
        let text = "let a = \"\"\"\n    // snippet: one\n    \"\"\"\n"
        #expect(Snippets.check([SourceText(path: "Tests/A.swift", text: text)]) == [])
    }
}
