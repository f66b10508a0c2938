"""The client of the AIOZ Pin API: one request, one typed page."""
