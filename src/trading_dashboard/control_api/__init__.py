"""The orchestrator's HTTP and WebSocket face: loopback only, with a token for each run.

Owns transport, authentication and error shapes. Decides nothing about agents. Imports nothing by
itself: a supervisor opens the socket (`listening`), starts agents, and then loads the rest.
"""
