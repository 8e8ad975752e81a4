"""Any webhook in, any REST call out."""
