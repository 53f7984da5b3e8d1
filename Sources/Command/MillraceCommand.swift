import ArgumentParser

/// The command `millrace`: looks at data directories, checks them and works on them.
@main
struct MillraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "millrace",
        abstract: "Looks at the data directories of Millrace applications, checks them and works on them.",
        discussion: """
            The directory is named with --data or in the environment variable MILLRACE_DATA. Commands that only read work \
            beside the application that uses the directory; those that change something need it for themselves.

            EXAMPLES
              millrace topics list --data .data/word-count
              millrace consume word-counts --data .data/word-count --values int64 --max 10
              seq 10 | millrace produce numbers --data /tmp/numbers --create
              millrace verify --data .data/word-count
              millrace dump-log .data/word-count/lines-0 --records

            EXIT CODES
              0  all went well
              1  it failed; the reason is on standard error
              2  verify or dump-log found damage
              64 the command was not understood
            """,
        subcommands: [
            TopicsCommand.self, ProduceCommand.self, ConsumeCommand.self, GroupsCommand.self, TransactionsCommand.self,
            StreamsCommand.self, DumpLogCommand.self, VerifyCommand.self,
        ]
    )
}
