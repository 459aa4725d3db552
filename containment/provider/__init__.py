"""The plugin that the engine starts: actions as resources over gRPC."""
