"""Strict simulators of the platforms, for tests, examples, the demo and `crossdock sandbox`.

A simulator is an ASGI app that keeps its records in memory and answers as the platform does: same paths,
fields, error bodies, limits, signatures and id shapes. Each rule cites the platform page it comes from, so
that a wrong simulator can be found out. Faults, webhooks and the admin door are the framework's.
"""
