"""Live data on its way: from sources through the gate and into bars, the stream and the store."""
