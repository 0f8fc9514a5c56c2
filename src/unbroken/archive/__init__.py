"""The wire between agent, keeper and service: the port, and the service as one end of it."""
