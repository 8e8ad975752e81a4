"""What can be booked, one file a document."""
