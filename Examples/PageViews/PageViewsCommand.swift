import ArgumentParser
import ExampleSupport

@main
struct PageViewsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: PageViews.name,
        abstract: "Counts views of pages by region and minute; the region is looked up in a table of users."
    )

    @OptionGroup var options: ExampleOptions

    func run() async throws { try await options.run(PageViews.self) }
}
