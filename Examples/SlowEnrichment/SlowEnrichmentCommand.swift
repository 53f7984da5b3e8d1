import ArgumentParser
import ExampleSupport

@main
struct SlowEnrichmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: SlowEnrichment.name,
        abstract: "Asks a slow service about every order, and sums up sales by country."
    )

    @OptionGroup var options: ExampleOptions

    func run() async throws { try await options.run(SlowEnrichment.self) }
}
