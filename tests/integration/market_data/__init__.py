"""The market data agent as a process, over real sockets."""
