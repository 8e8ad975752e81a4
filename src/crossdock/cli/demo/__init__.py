"""A shop trades through the hub on simulators of the platforms, and both books are held against each other."""
