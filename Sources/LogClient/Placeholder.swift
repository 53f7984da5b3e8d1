// LogClient
