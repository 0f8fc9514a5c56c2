"""The usual backend, a stand-in: `save-turn` over HTTP into PostgreSQL, both lines in one
transaction, from a pool of connections. `python -m bench.comparison.backend` runs it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

TABLE = """
create table if not exists messages (
  id bigint generated always as identity primary key,
  room_name text not null,
  role text not null,
  content text not null,
  created_at timestamptz not null default now()
);
create index if not exists messages_of_room on messages (room_name, id);
"""
INSERT = "insert into messages (room_name, role, content) values (%s, %s, %s), (%s, %s, %s)"


class TurnIn(BaseModel):
    room_name: str
    participant_identity: str
    user_message: str
    assistant_message: str


pool = AsyncConnectionPool(os.environ.get("BACKEND_DATABASE", ""), max_size=10, open=False)


@asynccontextmanager
async def open_pool(_: FastAPI) -> AsyncIterator[None]:
    async with pool:
        async with pool.connection() as connection:
            await connection.execute(TABLE)
        yield


app = FastAPI(lifespan=open_pool)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/conversations/save-turn", status_code=201)
async def save_turn(turn: TurnIn) -> dict[str, str]:
    said = (turn.room_name, "user", turn.user_message)
    answered = (turn.room_name, "assistant", turn.assistant_message)
    async with pool.connection() as connection:
        await connection.execute(INSERT, (*said, *answered))
    return {}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BACKEND_PORT"]), log_level="warning")
