"""The only outward I/O, one file a wire, with the egress guard and the caps inside."""
