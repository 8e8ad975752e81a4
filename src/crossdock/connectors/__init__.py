"""One folder a platform: what to send and what an answer means, without any I/O."""
