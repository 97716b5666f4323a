"""What happened, kept across runs: a database file, its one writer, its questions."""
