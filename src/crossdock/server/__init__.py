"""The HTTP face: hooks in front, health and metrics beside."""
