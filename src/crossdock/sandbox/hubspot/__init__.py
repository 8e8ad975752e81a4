"""A strict HubSpot portal: contacts, companies, deals, their associations, search, OAuth and webhooks.

`portal` holds the records, `values` decides what a property takes, `batch` gives every input an outcome of
its own. Where a rule is not published nor recorded, the docstring that plays it says "unverified".
"""

from crossdock.sandbox.hubspot.app import HubSpotSimulator

__all__ = ["HubSpotSimulator"]
