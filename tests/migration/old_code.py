"""Code of an assistant before and after it has moved from a StateManager to native state.

Nothing is changed in it but `...` in a call, which is filled in, and `now`, which is given.
"""

INIT_BEFORE = """
async def entrypoint(ctx: JobContext):
    state_manager = StateManager(settings)
    await state_manager.initialize()

    agent = VoiceAssistantAgent(
        ctx,
        state_manager=state_manager,
        backend_client=backend_client
    )
    return agent
"""

INIT_AFTER = """
async def entrypoint(ctx: JobContext):
    # No state manager needed!
    agent = VoiceAssistantAgent(
        ctx,
        backend_client=backend_client  # Only backend client
    )
    return agent
"""

STORE_BEFORE = """
async def block(self):
    # Write to Redis
    await self.state_manager.add_message(
        room_name, role, content, metadata
    )
"""

STORE_AFTER = """
async def block(self):
    # Store in memory
    self.conversation_history.append(
        LLMMessage(role="user", content=text)
    )

    # Persist asynchronously (non-blocking)
    asyncio.create_task(
        self.backend_client.save_conversation_turn(room_name, identity, text, reply)
    )
"""

CLEANUP_BEFORE = """
async def block(self):
    # Finalize in Redis, then save to backend
    await state_manager.finalize_conversation(room_name)
    conversation = await state_manager.get_conversation(room_name)
    await backend_client.save_conversation(room_name, conversation)
"""

CLEANUP_AFTER = """
async def block(self):
    # Build session summary from in-memory data
    session_data = {
        "messages": self.conversation_history,
        "participants": self.participant_states,
        "duration": (now - self.session_start).seconds
    }
    await backend_client.save_session(session_data)
"""

CURL = """
curl -X POST http://localhost:8000/api/v1/rooms \\
  -H "Content-Type: application/json" \\
  -d '{"name": "test-room"}'
"""
