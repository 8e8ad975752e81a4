"""Decisions only: facts and `now` in, decisions and Works out. No clock, no randomness, no I/O."""
