"""The vault, access, redaction: what keeps secrets secret."""
