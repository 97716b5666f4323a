"""The market by real sources, part by part."""
