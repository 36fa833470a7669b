"""The small change of conversation: phrases, and something to say to them."""

import re

from antiphon.providers.local.dialogue.context import Context
from antiphon.providers.local.dialogue.normalise import Utterance


def match(utterance: Utterance, context: Context) -> str | None:
    for said in (utterance.plain, utterance.core):
        for pattern, replies in _TALK:
            if pattern.fullmatch(said):
                return replies[len(context.heard) % len(replies)]
    return None


_VERY = r"(?: so| very| really| quite| pretty| a bit| a little)?"
_PHRASES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (
            r"how (?:are|is) (?:you|it going|everything|life|your day|things)(?: doing| going| today| now)*",
            r"how do you (?:do|feel)(?: today)?",
            r"how have you been|how goes it|what is up",
            r"are you (?:ok|okay|well|alright|all right)",
        ),
        ("I'm doing well, thank you. How are you?", "Very well, thanks for asking. And you?"),
    ),
    (
        (
            r"(?:many )?(?:thank you|thanks|cheers)(?: so much| very much| a lot| again| antiphon| anyway)*",
            r"(?:thank you|thanks) for .+",
            r"(?:much appreciated|i appreciate (?:it|that))",
        ),
        ("You're welcome.", "My pleasure.", "Any time."),
    ),
    (
        (
            rf"(?:(?:i am|i feel|feeling)(?: doing)?{_VERY} )?(?:good|fine|well|not bad|wonderful)"
            r"(?: (?:too|thanks|thank you|today|as well|and you|how about you|what about you|how are you))+",
            rf"(?:i am|i feel)(?: doing| feeling)?{_VERY} (?:good|fine|great|well|not bad|okay|happy|better)",
            r"not (?:too )?bad",
        ),
        ("Good to hear. What can I do for you?", "I'm glad. What would you like to do?"),
    ),
    (
        (
            rf"(?:i am|i feel)(?: feeling)?{_VERY}"
            r" (?:sad|tired|exhausted|lonely|stressed|sick|ill|unhappy|angry|down|bored|bad|not well)",
        ),
        ("I'm sorry to hear that. A joke or a story might help, if you like.",),
    ),
    (
        (
            r"are you (?:still )?there|(?:(?:can|do) you )?hear me(?: now)?|(?:is )?any(?:one|body) there",
            r"is (?:this|it) (?:on|working)",
            r"(?:this is a )?(?:mic check|test|testing|check)(?: test| testing| check| one| two| three)*",
        ),
        ("Yes, I can hear you.", "I hear you loud and clear."),
    ),
    (
        (
            r"stop(?: it| that| talking| now)?|(?:that is )?enough|(?:be )?quiet|silence|shut up",
            r"never ?mind|forget (?:it|about it|that)|cancel(?: that| it)?",
            r"wait|hold on|hang on|(?:wait |just |give me )?(?:one|a) (?:second|minute|moment)",
        ),
        ("All right.", "Okay."),
    ),
    (
        (
            r"(?:yes|yeah|yep|yup|sure|of course|correct|right|exactly|absolutely|okay|ok|alright|all right)"
            r"(?: okay| ok| good| great| sure| yes| thanks| thank you)*",
            r"(?:that is )?(?:great|nice|cool|good|awesome|perfect|fantastic|interesting|funny|right)",
            r"got it|i see|wow",
        ),
        ("Good. What would you like next?", "All right. What else can I do?"),
    ),
    (
        (
            r"(?:no|nope|nah|not (?:really|now|yet)|nothing(?: else)?)(?: no| thanks| thank you| not now)*",
            r"i do not (?:know|think so)",
        ),
        ("All right. I'm here if you need me.", "Okay. Just say so when you need something."),
    ),
    (
        (r"(?:i am )?(?:so |very )?sorry(?: about that)?", r"my (?:bad|apologies)", r"i apologi[sz]e"),
        ("No problem at all.",),
    ),
    (
        (
            rf"you are{_VERY} (?:nice|great|funny|smart|good|awesome|cool|amazing|the best|helpful|kind)",
            r"i (?:love|like) (?:you|it|that)(?: very much| a lot)?",
            r"good (?:job|work|one)|well done|nice (?:job|work|one)",
        ),
        ("That's kind of you. Thank you.",),
    ),
    (
        (
            rf"you are{_VERY} (?:stupid|dumb|useless|bad|boring|annoying|wrong|slow|an idiot)",
            r"i hate you|you suck|that is (?:wrong|stupid|not right|bad)",
        ),
        ("I'm sorry about that. I'm only a stand-in, but I'm doing my best.",),
    ),
    (
        (r"how old are you", r"when (?:were you born|is your birthday)"),
        ("I'm as old as my last update, so I feel quite young.",),
    ),
    (
        (r"where (?:are you(?: from)?|do you (?:live|come from))",),
        ("I live on the computer that this platform runs on, and nowhere else.",),
    ),
    (
        (r"(?:what is )?the meaning of life.*",),
        ("Forty-two, says a famous book. I'd say it's good conversation.",),
    ),
    (
        (r"sing(?: me| us)?(?: (?:a|the|another) .*song.*| something)?",),
        ("La, la, la. I'd better leave the singing to others.",),
    ),
    (
        (r"do you (?:speak|know|understand) (?:any )?(?:other languages|[a-z]+(?:ish|an|ese|ch|ic|i))",),
        ("As a stand-in I only speak English. A full model can speak many languages.",),
    ),
    (
        (r"(?:hola|bonjour|hallo|ciao|guten tag|buenos dias|bonsoir|namaste|konnichiwa|salut)(?: \w+)?",),
        ("Hello! As a stand-in I only speak English. How can I help you?",),
    ),
    (
        (
            r"i have (?:a|1|another|one more) (?:question|request|problem)",
            r"(?:can|could|may) i ask (?:you )?(?:something|a question)",
        ),
        ("Of course, go ahead.",),
    ),
    (
        (r"what is your favorite .*", r"do you (?:like|love|have) .*"),
        ("I'm too simple to have a taste of my own. What about you?",),
    ),
    (
        (
            r"(?:tell me|say|talk about) something(?: interesting)?|surprise me|talk to me|entertain me",
            r"(?:tell me|give me) (?:a|another|some|any)(?: fun| interesting| random)? facts?",
        ),
        (
            "Honey found in ancient tombs was still good to eat after three thousand years.",
            "An octopus has three hearts, and two of them stop when it swims.",
            "A day on Venus is longer than its year.",
            "Bananas are berries, but strawberries are not.",
        ),
    ),
    (
        (r"(?:(?:tell me|give me|do you know) (?:a|another) )?riddle(?: me)?",),
        ("What gets wetter the more it dries? A towel.", "What has keys but opens no doors? A piano."),
    ),
)
_TALK = tuple((re.compile("|".join(phrases)), replies) for phrases, replies in _PHRASES)
