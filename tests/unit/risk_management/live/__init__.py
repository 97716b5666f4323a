"""The risk agent's desk in memory: a market moved by hand, a store on disk."""
