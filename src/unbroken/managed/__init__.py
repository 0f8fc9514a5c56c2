"""What several parts of a program share of a room: the state behind a StateManager."""
