"""What the assistant says, in its own words. Several ways of saying it are taken in turn."""

from collections.abc import Mapping

COUNTED = (
    "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten. Eleven. Twelve. Thirteen. "
    "Fourteen. Fifteen. Sixteen. Seventeen. Eighteen. Nineteen. Twenty."
)
CAN = "I can book a table, keep notes for you, tell you a story, or tell you the time."

REPLIES: Mapping[str, tuple[str, ...]] = {
    "hello": (
        "Hello! What can I do for you?",
        "Hello again. How can I help?",
        "Hi there. I can book a table for you, or tell you a story.",
    ),
    "hear": (
        "Yes, I hear you well. What can I do for you?",
        "Yes, I am here. How can I help?",
    ),
    "how_are_you": (
        "I am well, thank you. How can I help?",
        "Very well, thank you for asking. What can I do for you?",
    ),
    "name_yours": (
        (
            "I am the assistant of this demo: a small program that books tables, keeps notes and "
            "tells stories."
        ),
        "I have no name. I am the assistant here: I book tables, keep notes and tell stories.",
    ),
    "human": (
        "No, I am a program. My answers were written by people.",
        "I am a program, not a person. But I do book real rows into a real file.",
    ),
    "help": (
        f"{CAN} For example, say: book a table for two tomorrow.",
        f"{CAN} Try to say: make a note that my sister likes tea.",
        f"{CAN} Try a story, and kill me in the middle of it.",
    ),
    "thanks": ("You are welcome.", "My pleasure.", "Gladly. Is there anything else?"),
    "goodbye": ("Goodbye, and have a nice day!", "Goodbye! It was nice to talk to you."),
    "stop": (
        "All right. Say go on if you want to hear the rest.",
        "All right, I stop here. Say go on when you want to hear more.",
    ),
    "quiet": ("All right.", "All right, I am listening."),
    "joke": (
        "Why did the server go to therapy? It had too many unresolved connections.",
        "I would tell you a joke about a lost packet, but I am not sure that you would get it.",
        "What did the lighthouse keeper say when the lamp went out? At last I see the stars.",
    ),
    "count": (COUNTED,),
    "praise": ("Thank you, that is kind.", "I am glad that you like it."),
    "complaint": (
        "I am sorry about that. Please say it again in other words.",
        "I am sorry. Please tell me once more what you want.",
    ),
    "sorry": ("No problem.", "That is quite all right."),
    "happened": (
        (
            "If I was cut off, my process ended and another one took over. "
            "It has all that we said, and goes on from there."
        ),
        "I may have been restarted. All that we said is kept, so we can simply go on.",
    ),
    "again_nothing": ("I have not said anything yet. How can I help?",),
    "go_on_nothing": (
        "There is nothing to go on with. Say: tell me a story.",
        "I was not telling anything. Shall I tell you a story?",
    ),
    "story_over": ("That was the end of the story. Say: another story, and I tell you one more.",),
    "yes": ("All right. What can I do for you?", "Good. How can I help?"),
    "no": ("All right. Just tell me when you need something.", "All right."),
    "note_what": ("Gladly. What shall I note?", "What shall I note?"),
    "unclear": (
        f"I am afraid I did not understand that. {CAN}",
        "I did not get that, or I cannot do it. Try: book a table, or: what can you do?",
        f"Sorry, that is not among the things I know. {CAN}",
    ),
    # What it cannot do, said honestly, with something that it can.
    "notes_delete": (
        (
            "I cannot take a note back. They are forgotten when this call is over. "
            "Shall I read them to you?"
        ),
    ),
    "booked_undo": (
        (
            "I cannot take back a table that is already in the book. "
            "I can book another one, if you like."
        ),
    ),
    "weather": (
        "I cannot look at the weather from here. I can book you a table under a roof, though.",
        "I do not know the weather, I have no window. I can tell you the time.",
    ),
    "news": ("I do not follow the news. I can tell you a story instead.",),
    "facts": (
        (
            "I do not know such things, and I do not want to make something up. "
            "Ask me for a table, a note or a story."
        ),
        "That is more than I know. I can book a table, keep a note, or tell you a story.",
    ),
    "sums": ("I cannot calculate. I can count to twenty, if that helps.",),
    "music": ("I cannot sing or play music. I can tell you a story.",),
    "devices": (
        "I cannot do that from here. I can make a note of it, so that you do not forget.",
        "That is out of my reach. I could note it for you: say, make a note.",
    ),
    "other_bookings": ("I can only book tables. I can make a note of it, so that you remember.",),
    "food": ("I do not know the menu. I can book you a table: for which day would you like it?",),
    "place": (
        "I do not know that about the restaurant. I can book you a table there.",
        "That is not something I was told. I can book you a table, if you like.",
    ),
    "person": ("There is no person here, only me. I can note what you would like to say to one.",),
    "language": ("I only speak English. Tell me in English what I can do for you.",),
    "slower": ("I cannot change how I speak. I can repeat what I said: say, once more.",),
    "desk": ("Just tell me what you need: you can ask me for anything here.",),
}

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "day": ("For which day would you like the table?", "Which day shall it be?"),
    "time": ("At what time?", "What time would you like to come?"),
    "party": ("For how many people?", "How many people will you be?"),
    "name": ("Under what name, please?", "What name may I put it under?"),
}
UNHEARD: tuple[str, ...] = (
    "Sorry, I did not get that.",
    "I beg your pardon?",
    "Once more, please.",
)
GLADLY: tuple[str, ...] = ("Gladly.", "With pleasure.", "Of course.")
HAND_OVER: tuple[str, ...] = (
    "I hand you over to our bookings desk.",
    "One moment, here is our bookings desk.",
)
CHANGE_WHAT = "What shall I change: the day, the time, the number of people, or the name?"
PLEASE_AGREE = "Please say yes, or tell me what I shall change. Shall I book it?"
GO_ON_WITH_TABLE = "Shall I go on with your table?"
NOTHING_BOOKED = "All right, nothing is booked."
ANYTHING_ELSE: tuple[str, ...] = (
    "Is there anything else?", "Can I do anything else for you?", "Anything else?",
)  # fmt: skip
WHERE_WAS_I = "Where was I?"
NOT_DONE = "That did not work, I am sorry. Please ask me once more."
NOT_BEGUN = (
    "My records do not answer at the moment, so I have done nothing. "
    "Please ask me again in a little while."
)
NOT_SURE_BOOKED = (
    "Something went wrong, and I do not know yet whether the table was booked. "
    "Say yes, and I try it again."
)
HOW_CAN_I_HELP = "How can I help you?"


def pick(variants: tuple[str, ...], place: int) -> str:
    """The variant for the `place` in the conversation: the same there, another one later."""
    return variants[place % len(variants)]
