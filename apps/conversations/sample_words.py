"""What is said in sample sessions: turns of a caller's words and the agent's."""

Dialogue = tuple[tuple[str, str], ...]

DIALOGUES: tuple[Dialogue, ...] = (
    (
        ("Hi, I'd like to book a table for four.", "With pleasure. For which day and time?"),
        (
            "Friday at eight, please.",
            "Friday at eight is full. I have a table at a quarter past seven, or at nine.",
        ),
        ("Nine is fine.", "Nine on Friday for four people, then. Under which name?"),
        ("Lindqvist, with a q.", "Thank you, Lindqvist. Does anybody at the table have an allergy?"),
        ("One of us can't eat nuts.", "I've noted that. The kitchen will know before you sit down."),
        ("Perfect, thank you.", "You're welcome. See you on Friday."),
    ),
    (
        ("My parcel should have been here yesterday.", "I'm sorry about that. What is the tracking number?"),
        ("Seven seven four, two one zero, nine.", "Found it: it left the depot in Leeds this morning."),
        (
            "When does it arrive, then?",
            "Today between two and four. Shall I ask the driver to ring you first?",
        ),
        (
            "Yes, and to leave it with my neighbour if I'm out.",
            "Both are noted: call first, else the neighbour.",
        ),
    ),
    (
        ("The washing machine shows an error, E fifteen.", "E fifteen means that water is in the base tray."),
        (
            "Is that dangerous?",
            "No. Unplug it, close the tap, and tip it back a little so that the water runs out.",
        ),
        ("Okay, that was about a cup.", "Good. If it comes back, the hose at the back needs a look."),
        ("Can you send somebody anyway?", "Of course. The next free visit is on Tuesday morning."),
        ("Tuesday works for me.", "Booked. The technician comes between eight and ten."),
    ),
    (
        (
            "I need to move my dental appointment.",
            "Let me see. You have one on the third at ten. Which day suits you?",
        ),
        ("Anything in the week after.", "The tenth at half past eight, or the twelfth at four."),
        ("The twelfth, please.", "Moved to the twelfth at four. You get a message to confirm it."),
    ),
    (
        ("Was ist mein Kontostand?", "Zur Sicherheit brauche ich zuerst Ihre Kundennummer."),
        (
            "Vier sieben, eins eins, drei.",
            "Danke. Ihr Kontostand beträgt zweihundertzwölf Euro und dreißig Cent.",
        ),
        ("Und die letzte Buchung?", "Gestern wurden achtzehn Euro für die Bahn abgebucht."),
        ("Alles klar, danke.", "Gern geschehen. Einen schönen Tag noch."),
    ),
    (
        (
            "How do I reset the router?",
            "Hold the small button at the back for ten seconds, until the light blinks.",
        ),
        ("It blinks orange now.", "That is right. It starts anew, which takes about two minutes."),
        ("Still no internet.", "Then I'll test the line from here. One moment, please."),
        (
            "All right.",
            "The line has a fault near your street. Our people expect to mend it by six this evening.",
        ),
        ("Do I get something back for today?", "Yes, I have credited one day to your next bill."),
    ),
    (
        (
            "What's on the lunch menu?",
            "Today there is lentil soup, grilled trout, and a risotto with mushrooms.",
        ),
        ("Is the risotto vegan?", "It has parmesan, but the kitchen can make it without."),
        ("Two of those to take away.", "Two vegan risottos, ready in fifteen minutes. Your name, please?"),
        ("Okafor.", "Thank you. That is twenty-two pounds, to be paid when you collect it."),
    ),
    (
        ("I forgot my password.", "No problem. I can send you a link. Which address is the account under?"),
        ("It's the one with my company.", "I've sent a link there. It works for thirty minutes."),
        ("Got it, thanks.", "Good. Is there anything else?"),
        ("No, that was all.", "Then have a good day."),
    ),
)

_GERMAN = "Was ist mein Kontostand?"


def language_of(dialogue: Dialogue) -> str:
    return "de" if dialogue[0][0] == _GERMAN else "en"
