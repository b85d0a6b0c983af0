"""A third party's lint rules: what one laboratory has agreed on."""
