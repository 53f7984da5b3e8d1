// StreamsRuntime
