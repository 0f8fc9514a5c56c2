"""The backend as the agent sees it."""
