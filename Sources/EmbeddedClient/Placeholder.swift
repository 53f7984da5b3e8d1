// EmbeddedClient
