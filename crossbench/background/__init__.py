"""What runs beside a cell on purpose, on other devices: a second target, or a command."""
