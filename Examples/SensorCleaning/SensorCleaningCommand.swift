import ArgumentParser
import ExampleSupport

@main
struct SensorCleaningCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: SensorCleaning.name,
        abstract: "Cleans a feed of sensors; what is wrong goes to a topic of dead letters."
    )

    @OptionGroup var options: ExampleOptions

    func run() async throws { try await options.run(SensorCleaning.self) }
}
