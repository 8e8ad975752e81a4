"""HubSpot: contacts and deals, in batches, each with its own outcome."""
