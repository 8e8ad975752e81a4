"""Where a hub keeps its log and its states; every store passes the same contract suite."""
