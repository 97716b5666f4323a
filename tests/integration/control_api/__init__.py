"""Tests of `control_api` over real HTTP and WebSockets."""
