"""Which source answers: limits, failures, fail-over, and the supervision of live prices."""
