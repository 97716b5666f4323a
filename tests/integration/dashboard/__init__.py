"""The dashboard as a process, in front of a puppet desk."""
