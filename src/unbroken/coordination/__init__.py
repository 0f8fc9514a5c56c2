"""What agents share: the state of a room, a user and an application, in memory and on the service.

Its values and rules are pure, and everybody may use them; only `http` speaks to the service.
"""
