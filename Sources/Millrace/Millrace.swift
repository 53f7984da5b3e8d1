// What an application author gets with `import Millrace`: the DSL and its runtime, the clients, the embedded broker.

@_exported import MillraceEmbeddedClient
@_exported import MillraceLogClient
@_exported import MillraceLogEngine
@_exported import MillracePrimitives
@_exported import MillraceRecordFormat
@_exported import MillraceStreams
@_exported import MillraceStreamsRuntime
@_exported import MillraceTopology
