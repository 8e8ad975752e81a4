"""What every store promises, by theme. `testing.store_contract` makes one suite of them."""
