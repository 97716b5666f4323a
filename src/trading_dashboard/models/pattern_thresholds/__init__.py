"""Every threshold of the pattern recognition agent: sections of its settings."""
