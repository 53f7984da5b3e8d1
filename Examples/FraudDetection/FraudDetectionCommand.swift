import ArgumentParser
import ExampleSupport

@main
struct FraudDetectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: FraudDetection.name,
        abstract: "Watches payments by card, and raises an alarm at what looks like fraud."
    )

    @OptionGroup var options: ExampleOptions

    func run() async throws { try await options.run(FraudDetection.self) }
}
