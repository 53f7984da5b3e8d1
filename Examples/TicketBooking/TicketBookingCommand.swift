import ArgumentParser
import ExampleSupport

@main
struct TicketBookingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: TicketBooking.name,
        abstract: "Books seats: an order and its seat in one transaction, and none of both if the customer walks away."
    )

    @OptionGroup var options: ExampleOptions

    func run() async throws { try await options.run(TicketBooking.self) }
}
