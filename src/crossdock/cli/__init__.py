"""The `crossdock` command, one file a command group."""
