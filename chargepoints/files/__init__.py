"""Files between stations and us: addresses with a token, where they lie, how they are sent and taken. Knows no OCPP."""
