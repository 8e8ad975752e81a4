"""What can be written, one file a kind of record."""
