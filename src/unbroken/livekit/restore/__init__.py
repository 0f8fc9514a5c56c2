"""A successor in its room: the objects of the session again, and what it then says."""
