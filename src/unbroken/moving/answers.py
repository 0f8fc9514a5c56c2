"""What the service answers, as far as it matters here."""

import msgspec

from unbroken.log.entries import JSON

IMPORTED = "imported"  # role of a session; in `extra` of its items: what the message was


class ListedId(msgspec.Struct):
    id: str


class ListedPage(msgspec.Struct):
    conversations: list[ListedId]
    next: str | None


class SessionAnswer(msgspec.Struct):
    id: str
    role: str
    phase: str


class CallAnswer(msgspec.Struct):
    room_name: str
    sessions: list[SessionAnswer]

    @property
    def is_import(self) -> bool:
        return any(session.role == IMPORTED for session in self.sessions)


class DetailAnswer(msgspec.Struct):
    """Calls: the oldest first."""

    created_at: str
    user_id: str | None
    call_list: list[CallAnswer]


class EntryAnswer(msgspec.Struct):
    kind: str
    payload: JSON


class EntriesPage(msgspec.Struct):
    entries: list[EntryAnswer]
    next: int | None


class LineAnswer(msgspec.Struct):
    id: str
    role: str
    content: str
    created_at: str
    corrupt: bool = False


class LinesPage(msgspec.Struct):
    messages: list[LineAnswer]
    before: str | None


class WasMessage(msgspec.Struct):
    """What an imported message was: its key in Redis, and its other fields."""

    key: str
    rest: dict[str, JSON]


class ItemExtra(msgspec.Struct):
    imported: WasMessage


class ImportedItem(msgspec.Struct):
    id: str
    content: tuple[str]
    extra: ItemExtra


class AboutKey(msgspec.Struct):
    """What a key has besides messages; None: it is a list."""

    key: str
    about: dict[str, JSON] | None


class ImportLog(msgspec.Struct):
    """Of all imports of a conversation: what each item was, by its id; what each key is about."""

    items: dict[str, ImportedItem] = {}
    about: dict[str, dict[str, JSON] | None] = {}

    def add(self, entry: EntryAnswer, note: str) -> None:
        """What is no import's says nothing."""
        payload = entry.payload if isinstance(entry.payload, dict) else {}
        try:
            if entry.kind == "item":
                item = msgspec.convert(payload.get("item"), ImportedItem)
                self.items[item.id] = item
            elif entry.kind == "note" and payload.get("name") == note:
                said = msgspec.convert(payload.get("data"), AboutKey)
                self.about[said.key] = said.about
        except msgspec.ValidationError:
            return
