"""Rows of a table in SQLite or PostgreSQL."""
