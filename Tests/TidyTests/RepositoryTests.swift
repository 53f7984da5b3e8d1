import Testing

/// The rules of the house, checked on this repository. Each check is a function over texts, tested on made-up ones in
/// the other files of this folder: a check that cannot fail is worth nothing.
@Suite struct RepositoryTests {
    private let files = Repository.files
    private let table = LayerTable(SourceText(path: LayerTable.path, text: Repository.text(LayerTable.path)))
    private let manifest = Manifest(Repository.text("Package.swift"))

    @Test("the sources are found") func sources() {
        #expect(files.contains { $0.path == "Package.swift" })
        #expect(files.filter { $0.isSwift && $0.isIn("Sources/") }.count > 20)
        #expect(table.rows.count > 10)
        #expect(manifest.targets.count > 10)
    }

    @Test("a module imports only what the table of modules allows") func layers() {
        expectNone(table.checkImports(files))
    }

    @Test("the table of modules goes bottom up, and has a row for every folder") func tableOfModules() {
        expectNone(table.checkOrder() + table.checkFolders(Repository.folders(in: "Sources")))
    }

    @Test("the manifest has the modules of the table, with no other dependencies") func manifestFollowsTable() {
        expectNone(table.checkManifest(manifest.targets))
    }

    @Test("Foundation stays out of everything below the tools") func foundation() {
        expectNone(SafeCode.checkFoundation(files))
    }

    @Test("time, randomness, files and the environment are asked for in one module each") func injectedWorld() {
        expectNone(InjectedWorld.check(files))
    }

    @Test("no shortcut traps in the sources and examples") func traps() {
        expectNone(SafeCode.checkTraps(files))
    }

    @Test("state that the compiler does not check names its owner") func unchecked() {
        expectNone(SafeCode.checkUnchecked(files))
    }

    @Test("a library prints nothing") func printing() {
        expectNone(SafeCode.checkPrinting(files))
    }

    @Test("no file is over 800 lines") func length() {
        expectNone(Prose.checkLength(files))
    }

    @Test("no tabs, no white space at the end of a line") func spaces() {
        expectNone(Prose.checkSpaces(files))
    }

    @Test("a document has one title") func titles() {
        expectNone(Prose.checkTitles(files))
    }

    @Test("a document links to files that are there") func links() {
        expectNone(Prose.checkLinks(files, paths: Repository.paths))
    }

    @Test("no comment puts work off or marks sections") func leftovers() {
        expectNone(Prose.checkLeftovers(files))
    }

    @Test("nothing built or resolved is tracked") func tracked() {
        expectNone(Prose.checkTracked(Repository.tracked, ignore: Repository.text(".gitignore")))
    }

    @Test("the project does not name its workshop") func workshop() {
        expectNone(Prose.checkWorkshop(files))
    }

    @Test("the Swift in the documentation is compiled code") func snippets() {
        expectNone(Snippets.check(files))
    }

    @Test("the manual's pages are found and lead somewhere") func manualPages() {
        expectNone(Manual.checkPages(files))
    }

    @Test("the manual's drawings are there, in light and dark") func manualDrawings() {
        expectNone(Manual.checkDrawings(files, paths: Repository.paths))
    }

    @Test("the manual mentions every public operator and setting") func manualIsComplete() {
        expectNone(Manual.checkOperators(files) + Manual.checkSettings(files))
    }
}
