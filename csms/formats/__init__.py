"""How times and numbers are written where a template does not say it: as our own pages write them."""
