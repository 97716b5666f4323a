"""The stream, part by part."""
