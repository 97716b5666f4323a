"""The supervision core, on fakes."""
