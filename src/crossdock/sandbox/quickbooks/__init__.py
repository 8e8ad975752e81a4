"""A strict QuickBooks Online: accounting API, OAuth 2.0 and CloudEvents webhooks of one company.

Where Intuit publishes no rule, the docstring that plays one says "unverified" and takes the strict side.
"""

from crossdock.sandbox.quickbooks.app import QuickBooksSimulator

__all__ = ["QuickBooksSimulator"]
