// FoundationSerdes
