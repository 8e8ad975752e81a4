"""The store on PostgreSQL, shared by workers."""
