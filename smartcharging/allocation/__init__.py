"""Who on a circuit may take how much: pure, no clock, no database, no messages."""
