"""Forms, validators and tables of the routes."""
