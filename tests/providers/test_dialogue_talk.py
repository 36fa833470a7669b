"""What the built-in stand-in says, with the spellings that recognisers produce."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from antiphon.providers.base.llm import LlmRequest, Message, TextDelta
from antiphon.providers.local.dialogue import DialogueModel

# A Sunday afternoon in winter, one hour east of Greenwich.
NOW = datetime(2026, 11, 22, 15, 5, tzinfo=timezone(timedelta(hours=1)))


async def talk(*turns: str, instructions: str = "", now: datetime = NOW) -> list[str]:
    """The answers to the user's turns, each given in the conversation so far."""
    model = DialogueModel(clock=lambda: now)
    messages: list[Message] = []
    for turn in turns:
        messages.append(Message("user", turn))
        messages.append(Message("assistant", await answer(model, messages, instructions)))
    return [message.text for message in messages if message.role == "assistant"]


async def answer(model: DialogueModel, messages: Sequence[Message], instructions: str = "") -> str:
    request = LlmRequest(instructions, tuple(messages))
    return "".join([event.text async for event in model.stream(request) if isinstance(event, TextDelta)])


async def test_it_works() -> None:
    said = await talk(
        "Hello!", "My name is Bob.", "What is twelve times seven?", "Say that again.", "What's my name?"
    )
    assert said == [
        "Good afternoon! I'm Antiphon. How can I help you?",
        "Nice to meet you, Bob. What can I do for you?",
        "Twelve times seven is eighty-four.",
        "Twelve times seven is eighty-four.",
        "Your name is Bob.",
    ]


GREETING = "Good afternoon! I'm Antiphon. How can I help you?"
SENTENCES = [
    # greetings and manners
    ("hi", GREETING),
    ("Hello, hello!", GREETING),
    ("um hey there", GREETING),
    ("Hey Antiphon.", GREETING),
    ("Good morning.", GREETING),
    ("How are you?", "I'm doing well, thank you. How are you?"),
    ("hi how are you doing today", "I'm doing well, thank you. How are you?"),
    ("Thanks a lot!", "You're welcome."),
    ("thank you", "You're welcome."),
    ("No, thanks.", "All right. I'm here if you need me."),
    ("goodbye", "Goodbye. It was nice talking with you."),
    ("Thank you, bye bye.", "Goodbye. It was nice talking with you."),
    ("Good night!", "Good night. It was nice talking with you."),
    ("can you hear me", "Yes, I can hear you."),
    ("Testing, one, two, three.", "Yes, I can hear you."),
    ("never mind", "All right."),
    ("I'm good, thanks.", "Good to hear. What can I do for you?"),
    ("whats your name", "My name is Antiphon."),
    # time and date
    ("What time is it?", "It's three oh five in the afternoon."),
    ("whats the time", "It's three oh five in the afternoon."),
    ("Hey Antiphon, could you please tell me what time it is?", "It's three oh five in the afternoon."),
    ("What time is it, Antiphon?", "It's three oh five in the afternoon."),
    ("What day is it today?", "Today is Sunday, November twenty-second."),
    ("um what's the date", "Today is Sunday, November twenty-second, twenty twenty-six."),
    ("what day is tomorrow", "Tomorrow is Monday, November twenty-third."),
    ("What day was yesterday?", "Yesterday was Saturday, November twenty-first."),
    ("what day is the twenty fifth of december", "That's Friday, December twenty-fifth."),
    ("When is Thanksgiving?", "That's Thursday, November twenty-sixth."),
    ("what year is it", "It's twenty twenty-six."),
    ("How many days until Christmas?", "There are thirty-three days until Christmas."),
    ("how many days until tomorrow", "There is one day until tomorrow."),
    ("how many weeks until new year", "There are five weeks and five days until New Year."),
    ("how many days until november twenty second", "That's today!"),
    # arithmetic
    ("What's 12 times 7?", "Twelve times seven is eighty-four."),
    ("twelve x seven", "Twelve times seven is eighty-four."),
    ("what's 15 percent of 80", "Fifteen percent of eighty is twelve."),
    ("15% of 80", "Fifteen percent of eighty is twelve."),
    ("square root of 144", "The square root of one hundred forty-four is twelve."),
    ("What is the square root of two?", "The square root of two is about one point four one."),
    ("the cube root of minus eight", "The cube root of minus eight is minus two."),
    ("ten divided by four", "Ten divided by four is two point five."),
    ("what is ten divided by three", "Ten divided by three is about three point three three."),
    ("two plus three times four", "Two plus three times four is fourteen."),
    ("a hundred and five plus ten", "One hundred five plus ten is one hundred fifteen."),
    ("Multiply 1,000 by three.", "One thousand times three is three thousand."),
    ("subtract three from ten", "Ten minus three is seven."),
    ("seven squared minus five", "Seven squared minus five is forty-four."),
    ("half of ninety", "Half of ninety is forty-five."),
    ("two to the power of ten", "Two to the power of ten is one thousand twenty-four."),
    ("five factorial", "Five factorial is one hundred twenty."),
    ("three point one four times two", "Three point one four times two is six point two eight."),
    ("one divided by zero", "That can't be done: nothing can be divided by zero."),
    ("nine to the power of nine to the power of nine", "That number is too large for me to say."),
    ("square root of minus one", "A negative number has no real square root."),
    # conversions
    ("how many feet are in a mile", "One mile is five thousand two hundred eighty feet."),
    ("Convert ten miles to kilometers.", "Ten miles is about sixteen point zero nine kilometers."),
    ("what is 20 degrees Celsius in Fahrenheit", "Twenty degrees Celsius is sixty-eight degrees Fahrenheit."),
    ("How many seconds are there in an hour?", "One hour is three thousand six hundred seconds."),
    ("five kilos in meters", "Kilograms can't be converted to meters."),
    # words back
    ("Please repeat after me: the quick brown fox.", "the quick brown fox."),
    ("say I am a teapot", "I am a teapot"),
    ("Say \"banana\".", "banana."),
    ("Repeat the following. One. Two? Three!", "One. Two? Three!"),
    ("Spell Antiphon.", "A, N, T, I, P, H, O, N."),
    ("how do you spell cat", "C, A, T."),
    ('Say "good morning" three times.', "good morning"),
    ("three quarters of eighty", "Three quarters of eighty is sixty."),
    ("that's all, thank you, goodbye", "Goodbye. It was nice talking with you."),
    ("great, thanks", "You're welcome."),
    ("I have a question.", "Of course, go ahead."),
    ("My dog is called Rex.", "All right, your dog is called Rex. I'll keep that in mind."),
    ("Bonjour!", "Hello! As a stand-in I only speak English. How can I help you?"),
    ("count to five", "One, two, three, four, five."),
    ("Count from ten to zero.", "Ten, nine, eight, seven, six, five, four, three, two, one. Zero."),
    ("count backwards from three", "Three, two, one."),
    ("count from minus two to two", "Minus two, minus one, zero, one, two."),
    ("count to twenty by fives", "Five, ten, fifteen, twenty."),
    # several things at once
    ("What's two plus two? And what's your name?", "Two plus two is four. My name is Antiphon."),
    ("tell me the time and flip a coin", "It's three oh five in the afternoon. It's tails."),
    # what it can't do
    ("", "Sorry, I didn't catch that. Could you say it again?"),
    ("um", "Sorry, I didn't catch that. Could you say it again?"),
]  # fmt: skip


@pytest.mark.parametrize(("heard", "said"), SENTENCES, ids=[heard for heard, _ in SENTENCES])
async def test_a_sentence_has_its_answer(heard: str, said: str) -> None:
    assert await talk(heard) == [said]


@pytest.mark.parametrize(
    ("hour", "greeting"),
    [(8, "Good morning"), (13, "Good afternoon"), (20, "Good evening"), (2, "Good evening")],
)
async def test_greets_by_the_time_of_day(hour: int, greeting: str) -> None:
    assert (await talk("hello", now=NOW.replace(hour=hour)))[0].startswith(f"{greeting}!")


async def test_tells_the_time_of_another_city() -> None:
    assert await talk("what time is it in tokyo") == ["It's eleven oh five at night in Tokyo."]


async def test_says_plainly_that_it_is_a_stand_in_and_how_to_replace_it() -> None:
    (said,) = await talk("Who are you?")
    assert "built-in stand-in" in said
    assert "provider key" in said


async def test_reflects_what_it_can_not_answer() -> None:
    first, second = await talk("explain quantum physics to me", "and general relativity")
    assert first.startswith("I heard: explain quantum physics to me. I'm only the built-in stand-in")
    assert second.startswith("I heard: and general relativity.")


async def test_asks_for_a_tool_where_one_would_help() -> None:
    (said,) = await talk("What's the weather in Paris?")
    assert said.startswith(
        "I heard: What's the weather in Paris. I can't do that by myself, but give me a tool"
    )


async def test_remembers_facts_of_this_conversation_only() -> None:
    said = await talk(
        "my favourite colour is dark blue", "Tell me a joke.", "what's my favorite color", "what is my job"
    )
    assert said[0] == "All right, your favorite color is dark blue. I'll keep that in mind."
    assert said[2:] == [
        "You told me that your favorite color is dark blue.",
        "You haven't told me about your job yet.",
    ]


@pytest.mark.parametrize(
    ("introduction", "name"),
    [
        ("my name is bob and i live in paris", "Bob"),
        ("Hi, I'm Mary Jane.", "Mary Jane"),
        ("you can call me Al", "Al"),
        ("Hello. My name is O'Neill.", "O'Neill"),
    ],
)
async def test_remembers_a_name(introduction: str, name: str) -> None:
    assert (await talk(introduction, "do you know my name", "bye"))[1:] == [
        f"Your name is {name}.",
        f"Goodbye, {name}. It was nice talking with you.",
    ]


async def test_being_tired_is_no_name() -> None:
    assert (await talk("I'm tired.", "what's my name"))[1] == "You haven't told me your name yet. What is it?"


async def test_goes_on_from_the_last_result() -> None:
    said = await talk("what's five plus three", "times two", "and divide that by four")
    assert said[1:] == ["Eight times two is sixteen.", "Sixteen divided by four is four."]


async def test_says_its_last_answer_again() -> None:
    said = await talk(
        "say that again", "what's one plus one", "Could you repeat that, please?", "What did I say?"
    )
    assert said[0] == "I haven't said anything yet. What can I do for you?"
    assert said[2] == said[1]
    assert said[3] == "You said: Could you repeat that, please?"


async def test_goes_on_where_it_was_interrupted() -> None:
    model = DialogueModel(clock=lambda: NOW)
    asked = [Message("user", "tell me a long story")]
    whole = await answer(model, asked)
    heard = whole[: len(whole) // 3]
    interrupted = [*asked, Message("assistant", heard), Message("user", "go on")]
    rest = await answer(model, interrupted)
    assert whole.endswith(rest)
    assert " ".join(heard.split()[:-1] + rest.split()) == whole
    heard_more = rest[: len(rest) // 2]
    continued = [*interrupted, Message("assistant", heard_more), Message("user", "please continue")]
    assert rest.endswith(await answer(model, continued))


async def test_has_nothing_to_add_after_the_end() -> None:
    said = await talk("count to three", "go on", "what's your name", "continue")
    assert said[1] == said[3] == "That was all. What would you like next?"


async def test_tells_another_joke_each_time() -> None:
    said = await talk("tell me a joke", "another one", "Do you know any other jokes?", "one more")
    assert len(set(said)) == 4


async def test_chance_is_the_same_for_the_same_conversation() -> None:
    turns = ("flip a coin", "roll two dice", "pick a number between 5 and 7", "roll a 20 sided die")
    said = await talk(*turns)
    assert said == await talk(*turns)
    assert said[0] in ("It's heads.", "It's tails.")
    assert said[2] in ("Five.", "Six.", "Seven.")


async def test_a_coin_falls_on_both_sides() -> None:
    assert set(await talk(*["flip a coin"] * 12)) == {"It's heads.", "It's tails."}


async def test_repeats_any_length_word_for_word() -> None:
    text = " ".join(f"Sentence number {n}, with a comma." for n in range(2000))
    assert await talk(f"Please repeat after me: {text}") == [text]


async def test_counts_to_two_hundred_in_sentences_of_ten() -> None:
    (said,) = await talk("count to two hundred")
    assert said.startswith("One, two, three,")
    assert said.endswith("one hundred ninety-nine, two hundred.")
    assert said.count(".") == 20


async def test_a_very_long_story_takes_minutes_and_a_short_one_does_not() -> None:
    ((very_long,), (long,), (usual,), (short,)) = [
        await talk(request)
        for request in (
            "Tell me a very long story.",
            "tell me a long story",
            "tell me a story",
            "a short story please",
        )
    ]
    words_a_minute = 150
    minutes = [len(story.split()) / words_a_minute for story in (very_long, long, usual, short)]
    assert minutes == sorted(minutes, reverse=True)
    assert minutes[0] > 8
    assert minutes[3] < 4
    assert all("{" not in story for story in (very_long, long, usual, short))


async def test_a_story_is_about_what_was_asked_for_and_uses_what_was_found() -> None:
    (story,) = await talk("tell me a very long story about my cat Rex")
    assert story.count("your cat Rex") >= 3
    gifts = [
        "whistle",
        "tuning fork",
        "ring",
        "bent pin",
        "jar",
        "lantern",
        "word",
        "hat",
        "white stone",
        "coin",
    ]
    assert all(story.count(gift) >= 3 for gift in gifts)


async def test_another_conversation_hears_another_story() -> None:
    assert await talk("tell me a story") == await talk("tell me a story")
    assert (await talk("hello", "tell me a story"))[1] != (await talk("hi", "tell me a story"))[1]


class TestInstructions:
    async def test_a_persona_introduces_itself(self) -> None:
        instructions = "You are Ava, a receptionist at Bright Dental. Be kind."
        hello, name, who = await talk(
            "hello ava", "what's your name?", "who are you", instructions=instructions
        )
        assert hello == "Good afternoon! I'm Ava. How can I help you?"
        assert name == "My name is Ava."
        assert who.startswith(
            "I'm Ava, a receptionist at Bright Dental. For now it is Antiphon's built-in stand-in"
        )

    @pytest.mark.parametrize(
        ("instructions", "name"),
        [
            ("You are a helpful assistant named Otto.", "Otto"),
            ("Your name is Mary Jane. Speak slowly.", "Mary Jane"),
            ("You're Kai.", "Kai"),
            ("You are a helpful assistant.", "Antiphon"),
            ("You are NOT allowed to swear. Use the tool called Lookup.", "Antiphon"),
            ("You are Acme's receptionist.", "Antiphon"),
            ("You are Miles O'Brien from Acme.", "Miles O'Brien"),
            ("", "Antiphon"),
        ],
    )
    async def test_finds_the_name(self, instructions: str, name: str) -> None:
        assert await talk("what is your name", instructions=instructions) == [f"My name is {name}."]

    async def test_answers_in_one_sentence(self) -> None:
        (said,) = await talk("what can you do", instructions="Always answer in one sentence.")
        assert said.count(".") == 1

    async def test_does_not_shorten_what_was_asked_for_at_length(self) -> None:
        (said,) = await talk("count to twenty", instructions="Answer in one sentence.")
        assert said.endswith("twenty.")

    async def test_a_system_message_counts_as_instructions(self) -> None:
        messages = [Message("system", "Your name is Ava."), Message("user", "what's your name")]
        assert await answer(DialogueModel(), messages) == "My name is Ava."


class TestWithoutAUserMessage:
    async def test_greets(self) -> None:
        assert await answer(DialogueModel(clock=lambda: NOW), []) == GREETING

    async def test_opens_with_the_words_of_the_instructions(self) -> None:
        instructions = 'You are Ava. Greet the caller with "Welcome to Bright Dental!" and be kind.'
        assert await answer(DialogueModel(), [], instructions) == "Welcome to Bright Dental!"
        assert await talk("what's your name", instructions=instructions) == ["My name is Ava."]

    @pytest.mark.parametrize(
        "instructions",
        ["Say exactly: One moment.", 'Say "One moment."', "Please say exactly this: One moment."],
    )
    async def test_a_dictation_is_spoken_whatever_came_before(self, instructions: str) -> None:
        assert await answer(DialogueModel(), [], instructions) == "One moment."
        assert await answer(DialogueModel(), [Message("user", "hello")], instructions) == "One moment."

    async def test_stays_present_after_its_own_words(self) -> None:
        messages = [Message("user", "hi"), Message("assistant", "Hello!")]
        assert await answer(DialogueModel(), messages) == "I'm still here. What can I do for you?"

    async def test_says_that_it_sees_no_pictures(self) -> None:
        messages = [Message("user", "", images=("data:image/png;base64,",))]
        assert (await answer(DialogueModel(), messages)).startswith("I can't look at pictures.")


@pytest.mark.parametrize(
    "heard", ["a " * 20_000, "hi, " * 5000, "what is " + "1 + " * 5000 + "1", "and " * 20_000]
)
async def test_long_nonsense_is_answered_at_once(heard: str) -> None:
    started = time.process_time()
    assert (await talk(heard))[0]
    assert time.process_time() - started < 2


async def test_speaks_without_markup_or_digits() -> None:
    said = await talk(*(heard for heard, _ in SENTENCES if heard and "repeat" not in heard.lower()))
    assert not [text for text in said if set(text) & set("*#_[]{}|0123456789")]
