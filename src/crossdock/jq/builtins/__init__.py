"""The built-in functions: natives in Python, the rest in jq."""
