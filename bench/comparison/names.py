"""What the compared things are called, in results, page and plots."""

NOTHING, REDIS, NATIVE = "nothing is kept", "usual StateManager on Redis", "usual native state"
OURS = {"SQLite": "unbroken, SQLite", "PostgreSQL": "unbroken, PostgreSQL"}

MEMORY, JOURNAL = "usual native: memory", "unbroken: memory and journal"
DOCUMENT, SHORT_LIST = "usual Redis: JSON of the call", "usual Redis: last 100 only"
OPENAI_REDIS, OPENAI_SQLITE = "OpenAI Agents: Redis", "OpenAI Agents: SQLite"
GRAPH_SQLITE, GRAPH_POSTGRES = "LangGraph: SQLite", "LangGraph: PostgreSQL"
OF_STATE = (MEMORY, JOURNAL, DOCUMENT, SHORT_LIST)

THERE, AWAY = "there", "away"  # the servers that the ways save to, while agents are killed
