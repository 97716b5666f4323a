"""The web dashboard: one port, one login, live parts with their own sockets.

Owns what the browser sees and the way it reaches the supervisor and the agents. Holds no state of
the desk itself and takes no decision: it is a client of the control API and of the agents.
"""
