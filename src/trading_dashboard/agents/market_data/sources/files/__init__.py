"""Files that a user drops in a folder: bars and trades as CSV or Parquet."""
