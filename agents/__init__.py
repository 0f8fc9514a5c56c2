"""The reference assistant: a voice agent made of `unbroken`'s public names and no key."""
