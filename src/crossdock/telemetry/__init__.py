"""What a hub tells about itself: metrics and logs."""
