"""What we use of LiveKit that its documentation does not promise, all of it.

Nothing else here touches a private name of LiveKit's or imports a module of its insides: it calls
a function below. And what is public, but counted on in a way that no documentation promises, is a
sentence of `COUNTED_ON`. Each has a test of its name in tests/livekit/test_fragile.py, which runs
with the newest livekit-agents and with the oldest that we promise: a release that changes one
fails there, by name.
"""

from typing import Any

from livekit.agents import NOT_GIVEN, AgentSession
from livekit.agents.voice import room_io

COUNTED_ON = {
    "a_voice_in_the_chain": "an AudioOutput of ours before LiveKit's sees every frame, flush, "
    "clear, pause and resume",
    "playback_events": "they come through that output: started with the first frame, finished with "
    "the position, and the item right behind it",
    "text_output_chain": "the text output of RoomOptions takes a next_in_chain of ours",
    "on_enter_of_the_instance": "LiveKit runs what was set as on_enter of an instance",
    "nodes_of_the_instance": "LiveKit calls what was set as llm_node and transcription_node of an "
    "instance; the first may give text, a coroutine or an iterator",
    "enter_behind_the_handoff": "on_enter begins when its AgentHandoff is in the history",
    "the_start_adds": "an AgentHandoff from nobody, an AgentConfigUpdate and the instructions",
    "tool_updates": "tool_call_started comes before the tool runs, tool_call_ended behind it",
    "items_at_once": "an item is in the history when conversation_item_added comes",
    "lists_in_place": "history.items[:] = … changes the session's own history",
    "contexts_whole": "update_chat_ctx can keep every item, and from_dict gives back what to_dict "
    "was given",
    "options_readable": "what update_options and the switches were told can be read again",
    "a_closed_session_says_why": "close comes once, with a CloseReason",
    "jobs_end_with_a_reason": "'job crashed' is that of an exception in the entrypoint",
    "a_shutdown_that_was_set": "what was set as shutdown of a session or a JobContext is what "
    "EndCallTool calls",
    "callbacks_have_a_name": "the tasks of the entrypoint and of shutdown callbacks have the names "
    "that `last_words` has",
    "rpc_by_twirp": "TwirpClient sends PerformRpc, for which livekit-api has no method yet",
}


def is_begun(session: AgentSession[Any]) -> bool:
    """Whether a start has made anything that has to be ended."""
    return session._activity is not None or session._room_io is not None


async def end_half_started(session: AgentSession[Any]) -> None:
    """End what a failed `start` has begun; raises what LiveKit raises.

    LiveKit leaves it running, and `aclose` ends only a session that has started whole.
    """
    session._started = True
    await session.aclose()


def room_options(
    given: Any, *, room_input_options: Any, room_output_options: Any
) -> room_io.RoomOptions:
    """What LiveKit makes of its older two kinds of room options; `given` ones count alone."""
    return room_io.RoomOptions._ensure_options(
        given or NOT_GIVEN,
        room_input_options=room_input_options,
        room_output_options=room_output_options,
    )
