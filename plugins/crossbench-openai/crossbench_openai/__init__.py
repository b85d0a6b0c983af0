"""Servers that speak the OpenAI protocol, as a crossbench backend."""
