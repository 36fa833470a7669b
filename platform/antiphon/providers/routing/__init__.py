"""Which model answers: conditions, weights, fallbacks, hedges and breakers."""
