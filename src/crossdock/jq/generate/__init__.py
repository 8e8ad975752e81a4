"""Syntax tree to Python source."""
