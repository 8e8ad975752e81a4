"""The project folder: loaded, checked with file and line, compared with what runs."""
