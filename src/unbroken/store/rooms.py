"""Rooms that the service made, and what is told about them from outside a session."""

import json
from collections.abc import Sequence
from uuid import UUID

from unbroken.archive.port import Batch, HostBatch, WireEntry
from unbroken.coordination.admission import CallLimits, OpenedRoom
from unbroken.dispatch import Said
from unbroken.env import Env
from unbroken.errors import Conflict, NotFound
from unbroken.log import entries
from unbroken.log.said import message
from unbroken.people import Person
from unbroken.store import admission, calls, going, said
from unbroken.store.appending import TTL_MS_MIN, Appending, end_session
from unbroken.store.projection import LeaveParticipant, PutParticipant
from unbroken.store.records import Awaited, Room, RoomPlace, SavedTurn
from unbroken.store.taking import SAVED
from unbroken.store.text import clean, stored_json
from unbroken.store.transaction import Database, Row, Transaction
from unbroken.store.waiting import await_agent

CALLS_MAX = 100  # of a conversation in rooms of one name, the newest
FINALIZED = "finalized"  # why a session ended


class StoredRooms:
    """What is told of a session from outside it stands in its log."""

    def __init__(self, database: Database, env: Env) -> None:
        self._database = database
        self._env = env

    @property
    def own_host(self) -> UUID:
        """The service as a holder: the same after a restart, so that it keeps its sessions."""
        return self._database.own_holder

    async def get(self, name: str) -> Room | None:
        row = await self._database.read(lambda tx: tx.one("get_room", name=name))
        return _room(row) if row else None

    async def is_free_for(self, name: str, conversation_id: UUID, identity: str | None) -> bool:
        asked = {"conversation_id": conversation_id, "room_name": name, "limit": CALLS_MAX}
        here = [Person(identity)] if identity is not None else None

        def work(tx: Transaction) -> bool:
            room, held = tx.one("get_room", name=name), tx.all("list_calls_of_room", **asked)
            if room and room["is_named"] and room["conversation_id"] == conversation_id:
                return True
            going_on = (call["call_id"] for call in held if call["is_going"])
            return not held or any(
                here is None or going.whose(tx, call_id, here) is not False for call_id in going_on
            )

        return await self._database.read(work)

    async def is_own_word(self, name: str, sid: str, conversation_id: UUID) -> bool:
        asked = (name, sid, conversation_id)
        return await self._database.read(lambda tx: going.is_own_word(tx, *asked))

    async def goes_on(self, name: str, identity: str | None = None) -> UUID | None:
        return await self._database.read(lambda tx: _goes_on(tx, name, identity))

    async def said(self, name: str, conversation_id: UUID, agent_name: str) -> Said | None:
        asked = {"room_name": name, "conversation_id": conversation_id, "agent_name": agent_name}

        def work(tx: Transaction) -> Said | None:
            row = tx.one("last_told", **asked)
            return said.get(tx, row["session_id"]) if row else None

        return await self._database.read(work)

    async def put(
        self,
        name: str,
        *,
        conversation_id: UUID,
        sid: str,
        user_id: str | None,
        is_named: bool = False,
        awaits: Awaited | None = None,
        agents: Sequence[str] = (),
    ) -> Room:
        named = json.dumps(agents) if agents else None
        new = {"room_id": self._env.new_id(), "name": name, "conversation_id": conversation_id}

        def work(tx: Transaction) -> Row | None:
            known = tx.one("get_room", name=name)
            if known and known["conversation_id"] != conversation_id:
                tx.one("close_room", name=name)
                calls.forget_shared(tx, name)
            calls.forget_strangers(tx, name, conversation_id)
            tx.one("put_conversation", conversation_id=conversation_id, user_id=user_id)
            if user_id is not None:
                tx.one("put_user", user_id=user_id, name=None, context=None)
            tx.one("put_room", **new, sid=sid, user_id=user_id, is_named=is_named, agents=named)
            if is_named:
                tx.one("name_calls", name=name, conversation_id=conversation_id)
            else:  # an agent may have been quicker, and have taken our word for theirs
                tx.one("unname_calls", sid=sid, conversation_id=conversation_id)
            if awaits is not None:
                await_agent(tx, name, awaits)
            return tx.one("get_room", name=name)

        row = await self._database.write(work)
        if row is None:
            raise NotFound(f"no room {name}")
        return _room(row)

    async def turn(self, sid: str) -> None:
        await self._database.write(lambda tx: tx.one("forget_sid", room_sid=sid))

    async def close(self, name: str) -> bool:
        def work(tx: Transaction) -> bool:
            admission.leave_room(tx, name)
            return tx.one("close_room", name=name) is not None

        return await self._database.write(work)

    async def admit(self, room: OpenedRoom, *, limits: CallLimits) -> None:
        new_id = self._env.new_id()
        await self._database.write(
            lambda tx: admission.admit_room(tx, room, limits=limits, lease_id=new_id)
        )

    async def leave(self, name: str) -> None:
        await self._database.write(lambda tx: admission.leave_room(tx, name))

    async def announce(self, room_name: str) -> RoomPlace:
        return await self._database.write(lambda tx: _place(self._ensure(tx, room_name)))

    async def find(self, room_name: str) -> RoomPlace:
        row = await self._database.read(lambda tx: calls.find(tx, room_name))
        if row is None:
            raise NotFound(f"nothing is known of a room {room_name}")
        return _place(row)

    async def finalize(self, room_name: str) -> RoomPlace:
        def work(tx: Transaction) -> Row | None:
            call = calls.find(tx, room_name)
            for session in tx.all("finalize_call", call_id=call["call_id"]) if call else ():
                who = (session["session_id"], session["term"], session["holder"])
                end_session(tx, *who, FINALIZED)
            if call:
                tx.one("end_call", call_id=call["call_id"], reason=FINALIZED)
            return call

        if (row := await self._database.write(work)) is None:
            raise NotFound(f"nothing is known of a room {room_name}")
        return _place(row)

    async def connect(
        self, room_name: str, identity: str, *, metadata: bytes | None, at_us: int
    ) -> RoomPlace:
        change = PutParticipant(identity=clean(identity), metadata=metadata, joined_at_us=at_us)

        def work(tx: Transaction) -> RoomPlace:
            call = self._ensure(tx, room_name)
            calls.see_people(tx, call["call_id"], [change])
            return _place(call)

        return await self._database.write(work)

    async def disconnect(self, room_name: str, identity: str, *, at_us: int) -> RoomPlace:
        change = LeaveParticipant(clean(identity), at_us)

        def work(tx: Transaction) -> RoomPlace | None:
            call = calls.find(tx, room_name)
            if call is not None:
                calls.see_people(tx, call["call_id"], [change])
            return _place(call) if call else None

        if (place := await self._database.write(work)) is None:
            raise NotFound(f"nothing is known of a room {room_name}")
        return place

    async def summarize(self, call_id: UUID, summary: bytes) -> None:
        await self._database.write(
            lambda tx: tx.one("set_call_summary", call_id=call_id, summary=summary)
        )

    async def save_turn(self, turn: SavedTurn) -> RoomPlace:
        def work(tx: Transaction) -> RoomPlace:
            call = self._ensure(tx, turn.room_name)
            if turn.identity is not None:
                calls.name_users(tx, call["conversation_id"], [turn.identity])
            self._append(tx, call, turn)
            return _place(call)

        return await self._database.write(work)

    def _ensure(self, tx: Transaction, room_name: str) -> Row:
        new_id = self._env.new_id
        return calls.ensure(tx, room_name, new_call_id=new_id(), new_conversation_id=new_id())

    def _append(self, tx: Transaction, call: Row, turn: SavedTurn) -> None:
        taken = self._take(tx, call["call_id"])
        session = tx.one("get_session", session_id=taken["session_id"])
        about = {"session_id": taken["session_id"]}
        if any(tx.one("place_of", **about, item_id=_item_id(turn, role)) for role, _ in turn.said):
            return  # a retry of one whose answer was lost
        last = tx.one("last_item", **about)
        batch = Batch(
            session_id=taken["session_id"],
            term=taken["term"],
            holder=self.own_host,
            first=(session["last_seq"] if session else 0) + 1,
            entries=_entries(turn, last["item_id"] if last else None, tx.now_us),
        )
        sent = HostBatch(
            host_id=self.own_host,
            host_name="service",
            ttl_ms=TTL_MS_MIN,
            at_us=tx.now_us,
            batches=(batch,),
        )
        (answer,) = Appending(sent, is_live=False).run(tx)
        if answer.outcome != "acked":
            raise Conflict(f"the turn was not kept: {answer.code or answer.outcome}")

    def _take(self, tx: Transaction, call_id: UUID) -> Row:
        tx.one("renew_lease", host_id=self.own_host, ttl=0)  # nobody is in the room for it
        row = tx.one(
            "take",
            session_id=self._env.new_id(),
            call_id=call_id,
            role=SAVED,
            holder=self.own_host,
            host_id=self.own_host,
            lost_hosts=False,
            agent_identity=None,
            agent_name=None,
            granted=0,
        )
        if row is None:
            raise Conflict("the call is ending; save the turn again")
        return row


def _item_id(turn: SavedTurn, role: str) -> str:
    return f"{turn.key}_{role}"


def _entries(turn: SavedTurn, after: str | None, now_us: int) -> tuple[WireEntry, ...]:
    found = []
    for role, text in turn.said:
        if text is not None:
            item_id = _item_id(turn, role)
            item = message(item_id, role, text, now_us / 1_000_000, extra=turn.metadata)
            speaker = turn.identity if role == "user" else None
            put = entries.ItemPut(item=item, after=after, from_=speaker)
            payload, flags = entries.encode(put)
            found.append(WireEntry("item", now_us, flags, payload))
            after = item_id
    return tuple(found)


def _goes_on(tx: Transaction, name: str, identity: str | None) -> UUID | None:
    call = tx.one("call_of_name", room_name=name)
    if call and going.whose(tx, call["call_id"], [Person(identity)] if identity else []) is False:
        call = None
    if call is None and identity is not None:
        call = tx.one("call_of_person", room_name=name, identity=identity)
    found = call or tx.one("get_room", name=name)
    if found is None:
        return None
    conversation_id: UUID = found["conversation_id"]
    if call is not None:
        return conversation_id
    used = tx.one("has_calls", conversation_id=conversation_id)
    return None if used and used["has_calls"] else conversation_id


def _room(row: Row) -> Room:
    return Room(
        id=row["room_id"],
        name=row["name"],
        conversation_id=row["conversation_id"],
        sid=row["sid"],
        user_id=row["user_id"],
        created_at_us=row["created_at"],
        agents=tuple(stored_json(row["agents"] or "[]", tuple[str, ...])),
    )


def _place(call: Row) -> RoomPlace:
    return RoomPlace(call["conversation_id"], call["call_id"])
