"""Any order of steps that a hub can meet, against a model of what must be then (campaign F17)."""
