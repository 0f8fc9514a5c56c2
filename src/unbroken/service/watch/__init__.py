"""The watch over sessions and rooms: who lost its agent, who waits for the first, what is over."""
