"""`python -m crossdock` is `crossdock`."""

from crossdock.cli.main import run

run()
