"""What is believed of what arrives: checks, quarantine, gaps, agreement and scores."""
