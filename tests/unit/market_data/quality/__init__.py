"""Quality: what is believed, what is not, and what is made of both."""
