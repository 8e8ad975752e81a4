"""The stages between receiving and delivering, one file a stage."""
