"""The URLs, one module for each noun."""
