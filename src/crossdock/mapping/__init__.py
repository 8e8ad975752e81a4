"""A flow's map as a whole: the jq program with its tables, defaults and normalisers."""
