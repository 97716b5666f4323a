"""The commands about stored market data: `data import`, `export`, `backfill` and `check`."""
