"""Sessions as a whole: their limits, closing those that went silent, and what their readings say afterwards."""
