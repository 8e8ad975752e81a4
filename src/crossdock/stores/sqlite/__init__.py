"""The store on one SQLite file, through one writer thread with group commit."""
