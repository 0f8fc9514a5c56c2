"""Users across rooms: a name and a context that applications keep for them."""

from unbroken.errors import Corrupt
from unbroken.store.records import User
from unbroken.store.text import clean
from unbroken.store.transaction import Database


class StoredUsers:
    """The name and context that were put last; what is damaged is named, and never given out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: str) -> User | None:
        row = await self._database.read(lambda tx: tx.one("get_user", user_id=user_id))
        if row and not row["is_whole"]:
            raise Corrupt(f"what was kept of user {user_id} is damaged")
        return User(id=row["user_id"], name=row["name"], context=row["context"]) if row else None

    async def put(self, user: User) -> None:
        name = None if user.name is None else clean(user.name)
        await self._database.write(
            lambda tx: tx.one("put_user", user_id=clean(user.id), name=name, context=user.context)
        )
