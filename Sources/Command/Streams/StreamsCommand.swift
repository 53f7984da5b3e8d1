import ArgumentParser

/// `millrace streams`.
struct StreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams",
        abstract: "Works on the state of streams applications.",
        subcommands: [ResetApplicationCommand.self]
    )
}
