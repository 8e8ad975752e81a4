"""Contract suites, a virtual clock and fault tools, for connector authors and for our own tests."""
