import Testing

@Suite struct ProseTests {
    private func file(_ path: String, _ text: String) -> [SourceText] { [SourceText(path: path, text: text)] }

    @Test("a file of 800 lines passes, one of 801 is found") func length() {
        let line = "let a = 1\n"
        #expect(Prose.checkLength(file("A.swift", String(repeating: line, count: 800))) == [])
        #expect(Prose.checkLength(file("A.swift", String(repeating: line, count: 801))).count == 1)
        #expect(Prose.checkLength(file("a.c", String(repeating: line, count: 801))).count == 1)
        #expect(Prose.checkLength(file("words.txt", String(repeating: line, count: 801))) == [])
    }

    @Test("tabs, white space at the end and a missing last line break are found") func spaces() {
        #expect(Prose.checkSpaces(file("A.swift", "let a = 1\n\nlet b = 2\n")) == [])
        #expect(Prose.checkSpaces(file("A.swift", "\tlet a = 1\nlet b = 2 \nlet c")).map(\.line) == [1, 2, 3])
        #expect(Prose.checkSpaces(file("Makefile", "run:\n\tswift run\n")) == [])
        #expect(Prose.checkSpaces(file("Tests/Fixtures/words.tsv", "a\tb ")) == [])
    }

    @Test("a document begins with its only title") func titles() {
        #expect(Prose.checkTitles(file("A.md", "# One\n\n## Part\n\n```sh\n# a comment\n```\n")) == [])
        #expect(Prose.checkTitles(file("A.md", "Text\n\n# One\n")).map(\.line) == [1])
        #expect(Prose.checkTitles(file("A.md", "## Part\n")).map(\.line) == [1])
        #expect(Prose.checkTitles(file("A.md", "# One\n\n# Two\n")).map(\.line) == [3])
    }

    @Test("a link to a file that is not there is found, from where the document lies") func links() {
        let paths = ["README.md", "Sources/A/A.swift", "Sources/A/Guide.md", "Sources/A/a.svg"]
        let good = "# A\n\n[a](A.swift), [up](../../README.md), [all](..), ![a](a.svg), [web](https://a.example)\n"
        #expect(Prose.checkLinks(file("Sources/A/Guide.md", good), paths: paths) == [])
        #expect(Prose.checkLinks(file("README.md", "# A\n\n[a](Sources/A), [b](A.swift)\n"), paths: paths).count == 1)
    }

    @Test("work put off is found in comments only") func leftovers() {
        let text = "// TODO: this\nlet TODO = 1\n/* FIXME */ let a = \"XXX\"\n// MARK: - That\n/// Marks a mark.\n"
        #expect(Prose.checkLeftovers(file("A.swift", text)).map(\.line) == [1, 3, 4])
        #expect(Prose.checkLeftovers(file("a.c", "int a; // XXX\n")).map(\.line) == [1])
    }

    @Test("tracked products are found, and an ignore list without them") func tracked() {
        let ignore = ".build/\nPackage.resolved\n.data/\n"
        #expect(Prose.checkTracked(["Package.swift", ".ci/run"], ignore: ignore) == [])
        let paths = [".build/debug/a.o", "Benchmarks/.build/b", "Package.resolved", "Benchmarks/Package.resolved"]
        #expect(Prose.checkTracked(paths, ignore: ignore).map(\.path) == paths)
        #expect(Prose.checkTracked([], ignore: ".build/\n").count == 2)
    }

    @Test("the workshop is found wherever a person writes") func workshop() {
        let house = "sha" + "red/DESIGN.md"
        #expect(Prose.checkWorkshop(file("A.swift", "// see \(house)\n")).count == 1)
        #expect(Prose.checkWorkshop(file("README.md", "Fixes issue" + " #12\n")).count == 1)
        #expect(Prose.checkWorkshop(file("scripts/a", "cd /wo" + "rk/main\n")).count == 1)
        #expect(Prose.checkWorkshop(file("A.swift", "// the network/disk, shared, a tissue #\n")) == [])
    }
}
