"""Who speaks, as an application names them: known at the next call."""

from unbroken.archive.port import WireEntry
from unbroken.log import entries
from unbroken.testing.holders import ENV, Holder


def named(data: object) -> WireEntry:
    payload, flags = entries.encode(entries.Noted(entries.USER, data))
    return WireEntry("note", ENV.now_us(), flags, payload)


async def test_the_first_one_has_the_conversation_and_all_are_known(store, archive):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, named("bob"), named("ann"))
    found = await store.conversations.get_conversation(taken.conversation_id)
    assert found.user_id == "bob"
    assert [await store.users.get(name) is not None for name in ("bob", "ann", "zoe")] == [
        True,
        True,
        False,
    ]


async def test_what_is_no_name_names_nobody(store, archive):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, named(""), named(None), named({"a": 1}), named("x" * 1_000))
    assert (await store.conversations.get_conversation(taken.conversation_id)).user_id is None
