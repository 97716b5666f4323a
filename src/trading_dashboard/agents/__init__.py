"""The embedded agents, and the kit they and users' own are built on."""
