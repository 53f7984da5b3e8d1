import ArgumentParser
import ExampleSupport

@main
struct TrendingItemsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: TrendingItems.name,
        abstract: "Keeps the three most bought items of the last five minutes, minute by minute."
    )

    @OptionGroup var options: ExampleOptions

    func run() async throws { try await options.run(TrendingItems.self) }
}
