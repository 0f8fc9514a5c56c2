"""What the routes and the watch work with, made once at the start."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from unbroken.blobs import Blobs
from unbroken.coordination.waited_leases import WaitedLeases
from unbroken.coordination.watched import WatchedState
from unbroken.env import Env
from unbroken.service.livekit_rooms import LiveKitRooms
from unbroken.service.locks import OneAtATime
from unbroken.service.opening import Opening
from unbroken.service.settings import Settings
from unbroken.service.steadiness import Steadiness
from unbroken.store.port import Store


class ServiceParts(NamedTuple):
    settings: Settings
    env: Env
    store: Store
    blobs: Blobs
    livekit: LiveKitRooms
    opening: Opening
    one_at_a_time: OneAtATime
    steadiness: Steadiness
    state: WatchedState
    leases: WaitedLeases


def parts_of(request: Request) -> ServiceParts:
    parts: ServiceParts = request.app.state.parts
    return parts


async def _given(request: Request) -> ServiceParts:
    """In the loop: what is no coroutine is given a thread, at each request."""
    return parts_of(request)


Given = Annotated[ServiceParts, Depends(_given)]
