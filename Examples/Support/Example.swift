import Millrace

/// What an example consists of. `ExampleOptions.run` makes the topics, brings the input in, runs the topology until all of
/// it is processed, and shows the result.
public protocol Example: SendableMetatype {
    /// The application's id, which the data directory is named after as well.
    static var name: String { get }
    /// The topics to make.
    static var topics: [NewTopic] { get }
    /// How many records are generated unless the user says otherwise.
    static var usualRecordCount: Int { get }
    /// The input: the same for the same count, always.
    static func input(count: Int) throws -> [ProducerRecord]
    /// What a program does with the input before the topology runs; nothing, unless it has something to do. After being
    /// killed it is called again.
    static func work(on broker: EmbeddedBroker) async throws
    /// What runs.
    static func topology() throws -> Topology
    /// Settings of the application beside those of the command line.
    static func configure(_ configuration: inout StreamsConfiguration)
    /// What came of it, for a person to read; the same for the same input, however often the program was killed.
    static func result(in topics: TopicReader) async throws -> String
}

extension Example {
    /// Nothing.
    public static func work(on broker: EmbeddedBroker) async throws {}
    /// The defaults.
    public static func configure(_ configuration: inout StreamsConfiguration) {}
}
