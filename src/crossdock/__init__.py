"""Crossdock: a self-hosted hub that connects systems on different platforms."""

__version__ = "0.1.0"
