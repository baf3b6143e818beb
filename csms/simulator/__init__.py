"""Believable charging stations: a real OCPP 1.6 client on the `ocpp` package. Imports no server code."""
