"""Promises under fire: traffic, faults, crashes, and a judge who knows only what was accepted and what is there."""
