"""What the assistant is told to be, which model plays it by default, and its own sentences."""

EMBEDDED_MODEL = "smollm2-135m"
# One line: a small model answers a longer prompt with nonsense.
INSTRUCTIONS = "You are a helpful voice assistant. Answer in one short sentence."
READ_S = 30.0  # how long a reply's first token may take: a busy host without a GPU
GREETING = "Hello, this is your assistant. How can I help you?"
# The bookings desk, by its own manner: one can hear who has the call.
DESK_INSTRUCTIONS = "You are the bookings desk of a restaurant. Answer in one short sentence."
DESK_GREETINGS = (
    "Bookings desk here.",
    "The bookings desk, good day.",
    "This is the bookings desk.",
)
