"""The mapping language: a jq program is checked and compiled to Python, with exact numbers and budgets."""
