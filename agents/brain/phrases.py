"""What callers say, by intent. The router compares with these; order decides between equals."""

# An intent whose phrases begin or fill a longer sentence: "note that ...", "book a table for ...".
# So well they fit at most: a phrase that explains all that was said goes before one that is in it.
OPEN = {
    "note": 1.0, "other_bookings": 0.96, "name_tell": 0.95, "book": 0.95, "story": 0.95,
    "story_other": 0.95,
}  # fmt: skip
# Of those, the ones that only count where the sentence begins with them.
LEADING = frozenset({"note"})

_PHRASES = {
    "note": """make a note; make a note that; take a note; keep a note; note that; note down;
        please note; remember that; please remember; can you remember that; write down;
        write this down; write that down; put down that; do not forget that; remind me that;
        remind me to; add a note; new note; make a new note; jot down""",
    "notes_read": """read my notes; read my notes back; what are my notes; read me my notes;
        read back my notes; list my notes; what notes do i have; my notes; do i have any notes;
        what did i ask you to remember; what did you note; what did you write down;
        what did i tell you to remember; read the notes; show me my notes; tell me my notes;
        what have you noted; read my note; what is in my notes; what is on my notes;
        what was my note""",
    "notes_delete": """delete my notes; remove my notes; forget my notes; delete the note;
        clear my notes; remove the note; delete that note""",
    "booked_ask": """did you book it; what did you book;
        is it booked; what did i book; do i have a booking;
        is my table booked; what bookings do i have; have you booked it; is the table booked;
        did you book the table;
        did you book a table for me; what have i booked; which table did i book;
        when is my booking; what is my booking; tell me my booking; read my booking;
        did the booking work; what about my booking; is my booking confirmed;
        when is my table; what is my reservation; do i have a reservation""",
    "booked_undo": """cancel my booking; cancel my reservation; delete my booking;
        cancel the table i booked; undo the booking; cancel the booking from before;
        change the booking i made; remove my reservation""",
    "book": """book a table; i would like to book a table; reserve a table; make a reservation;
        make a booking; i want a table; i need a table; can i get a table;
        do you have a table; table for; i would like a table; we would like to eat;
        i would like to make a reservation; i want to reserve; i want to book; get me a table;
        is there a table free; a table please; book; reservation; book us a table;
        i need a reservation; set up a reservation; we want to come for dinner;
        do you have a free table; dinner for; another table; book another table;
        i want to come for dinner; can we come for dinner""",
    "name_ask": """what is my name; do you know my name; who am i; what am i called;
        tell me my name; do you remember my name; can you say my name; say my name;
        do you know who i am; what did i say my name was""",
    "name_tell": """my name is; i am called; call me; you can call me; the name is;
        people call me; they call me""",
    "name_yours": """what is your name; who are you; what are you; what are you called;
        do you have a name; introduce yourself; tell me about yourself; who is this;
        who am i talking to; who am i speaking with; who were you""",
    "human": """are you human; are you a robot; are you real; are you a person; are you alive;
        am i talking to a machine; are you an ai; are you a computer; is this a machine;
        are you artificial; are you a bot; are you a real person""",
    "help": """help; what can you do; what can you do for me; how can you help me; help me;
        what are you able to do; what can i say; what can i ask you; what do you do;
        what are my options; how does this work; i need help; what else can you do;
        what should i say; what can i do here; give me some ideas""",
    "story_other": """another story; tell me another story; a different story; one more story;
        do you have another story; next story; tell another one""",
    "story": """tell me a story; tell me a long story; i would like to hear a story; a story please;
        can you tell a story; tell a story; do you know a story; tell me something long;
        read me a story; can i hear a story; story; i want a story; a bedtime story;
        tell me a tale; give me a story; start the story""",
    "again": """say that again; repeat that; can you repeat that; pardon; what did you say;
        i did not hear you; sorry what; please repeat; come again; once more;
        say it again; i did not catch that; repeat please; what was that; excuse me what""",
    "go_on": """go on; continue; carry on; keep going; go on with the story; continue the story;
        what happens next; and then; tell me the rest; finish the story; keep talking;
        please continue; what happened next; resume; the rest of the story; where were we""",
    "stop": """stop; stop it; be quiet; enough; that is enough; quiet; shut up; stop talking;
        stop the story; that is quite enough for today; hush; please stop; hold on; wait""",
    "joke": """tell me a joke; do you know a joke; make me laugh; say something funny;
        another joke; a joke please; tell a joke; one more joke""",
    "count": """count to ten; count to twenty; can you count; count for me; please count;
        count the numbers; count up""",
    "time": """what time is it; what is the time; tell me the time; do you know what time it is;
        do you have the time; how late is it; what time is it now; current time; the time please""",
    "date": """what day is it; what is the date; what day is today; what is today's date;
        what is the date today; which day is it; tell me the date; what date is it;
        what day is it today; what is today""",
    "hear": """can you hear me; do you hear me; are you there; are you still there;
        is anybody there; can you understand me; good morning can you hear me;
        hello can you hear me; is this working; testing; am i audible; hello are you there""",
    "happened": """what happened; were you gone; did you die; did you crash; were you killed;
        what was that silence; why did you stop; are you a new agent; are you the same;
        did you just die; where have you been; are you back; did you restart;
        do you remember what we talked about; did you forget me; what did we talk about;
        what were we talking about""",
    "how_are_you": """how are you; how are you doing; how are you today; how do you feel;
        how is it going; are you well; how do you do; what is up; are you okay;
        how are things; how is your day""",
    "thanks": """thanks; thank you; thank you very much; thanks a lot; many thanks;
        thank you so much; that is very kind; cheers; thanks for your help; i appreciate it;
        much obliged""",
    "goodbye": """goodbye; bye; see you; see you later; that is all; that was all; good night;
        i have to go; hang up; talk to you later; have a nice day; end the call;
        thank you very much for your help goodbye; that is it; nothing else;
        see you soon; thanks goodbye; farewell; i am done; we are done""",
    "hello": """hello; hi; hey; good morning; good afternoon; good evening; hello there;
        hi there; greetings; hey there; good day; howdy""",
    "praise": """good job; well done; great; very good; you are great; i like you; nice;
        that is wonderful; excellent; you are funny; i love you; awesome; cool; amazing;
        that was a nice story; good; lovely; brilliant; that is funny""",
    "complaint": """you are stupid; that is wrong; you are useless; that makes no sense; bad;
        i do not like that; this is terrible; that is not what i said; you misunderstood;
        you got it wrong; this does not work; i hate you; you are an idiot; nonsense""",
    "sorry": """sorry; i am sorry; excuse me; my mistake; i apologise; pardon me; oops""",
    "weather": """what is the weather; how is the weather; will it rain; is it going to rain;
        weather forecast; is it cold outside; what is the weather like in; is it sunny;
        what is the temperature; will it snow; weather""",
    "news": """what is in the news; tell me the news; any news; what is happening in the world;
        who won the game; who is the president; football results; the headlines; stock price;
        who won the match""",
    "facts": """what is the capital of; who invented; how far is; how old is; how tall is;
        when was; why is the sky blue; what is the meaning of life; who wrote;
        how many people live in; where is; what does the word mean; explain to me;
        tell me about; what do you know about; how do i get to; what is the population of;
        how big is; who is the king of; what is a""",
    "sums": """what is two plus two; how much is; multiply; what is ten times ten; divided by;
        the square root of; what is five minus three; calculate; add five and three;
        percent of; three plus four; do my homework; a maths question""",
    "music": """play music; play a song; sing a song; sing; play some music; turn on the radio;
        can you sing; play jazz; sing for me""",
    "devices": """turn on the lights; switch off the light; set a timer; set an alarm;
        call my mother;
        send an email; send a message; open the door; make a phone call; set a reminder;
        wake me up; text my wife; call a taxi""",
    "other_bookings": """book a flight; book a hotel; book a hotel room; book a room; book a train;
        book a taxi; order a taxi; buy tickets; book tickets; rent a car; book a car""",
    "food": """order a pizza; what is on the menu; order food; what do you have to eat;
        i am hungry; is there vegetarian food; what do you recommend; the menu please;
        do you deliver; what is the special today; what drinks do you have""",
    "place": """what are your opening hours; when are you open; where are you;
        what is your address; how much does it cost; do you have parking; what is the price;
        are dogs allowed; is there a terrace; which restaurant is this; are you open on sunday;
        what is your phone number; how do i find you; when do you close""",
    "person": """let me talk to a person; transfer me to a human; i want to talk to a human;
        speak to the manager; can i speak to someone; connect me to an agent;
        give me a real person;
        i want to talk to a real person; can i talk to a person;
        i want to speak with your boss; operator""",
    "language": """do you speak german; do you speak french; speak spanish; sprechen sie deutsch;
        can you speak another language; parlez vous francais; do you speak english;
        translate; how do you say""",
    "slower": """speak slower; can you speak more slowly; louder please; speak up; slow down;
        talk faster; change your voice; can you speak louder; you are too fast;
        speak more quietly""",
    "desk": """let me talk to bookings; connect me to bookings; give me the bookings desk;
        go back to the assistant; back to the main menu; talk to the other one;
        who was that; is this a different voice""",
}  # fmt: skip

PHRASES: dict[str, tuple[str, ...]] = {
    intent: tuple(" ".join(phrase.split()) for phrase in text.split(";"))
    for intent, text in _PHRASES.items()
}
