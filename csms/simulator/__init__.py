"""Believable charging stations: a real OCPP client. Imports no server code."""
