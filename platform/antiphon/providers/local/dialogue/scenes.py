"""The texts that `tale` puts together. Braces are filled with the people and things of one tale."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hero:
    name: str
    they: str
    them: str
    their: str


@dataclass(frozen=True, slots=True)
class Scene:
    """One stop of the journey. What is given in it is used at the end: nothing happens for no reason."""

    text: str
    gift: str
    use: str


HEROES = (
    Hero("Mara", "she", "her", "her"),
    Hero("Tobias", "he", "him", "his"),
    Hero("Linnea", "she", "her", "her"),
    Hero("Anselm", "he", "him", "his"),
    Hero("Odile", "she", "her", "her"),
    Hero("Ruben", "he", "him", "his"),
)
FRIENDS = (
    "a patient gray donkey called Pepper",
    "a small brown dog called Admiral",
    "an elderly goose called Beatrice",
    "a one-eyed cat called Captain",
    "a talkative crow called Thimble",
)
TOWNS = (
    ("Saltwick", "where the fog came in every evening like a guest who never knocks"),
    ("Underhill", "where the houses leaned together as if they were telling secrets"),
    ("Fernbridge", "where the river was so slow that people set their clocks by it"),
    ("Highmarket", "where the wind smelled of bread on Mondays and of soap on Saturdays"),
)
TRADES = ("a young bell maker", "an apprentice bookbinder", "a young lamp lighter", "an apprentice mapmaker")
TOPICS = (
    "the lighthouse that walked",
    "the king who traded his shadow",
    "the last snow of the mountain",
    "the clock that was afraid of midnight",
)

OPENING = (
    "In the town of {town}, {weather}, there lived {trade} named {hero}. Every winter night, "
    "{hero}'s grandmother "
    "told an old tale about {topic}, and every night she stopped at the same place. She had "
    "never heard the ending. "
    "Nobody had, for the last page had been lost before she was born. "
    "That year the grandmother grew ill, and one evening she said that she would sleep "
    "better if only she knew how "
    "it ended. So {hero} packed some bread, a blanket and a candle, and promised to be back "
    "with the last page "
    "before the first snow. With {friend} for company, {they} set out at dawn along the only road there was."
)

ENDINGS = (
    "It was a short page. It said that nobody ever came home from the tale about {topic} until somebody came "
    "looking for them. {hero} read it twice, and understood that the ending had been waiting for a reader.",
    "The page was empty but for one line. It said that the ending of the tale about {topic} "
    "belongs to whoever "
    "walked the farthest to hear it. {hero} laughed out loud, because all the way {they} had "
    "been writing it.",
    "The page told how the tale about {topic} ended: with a door left open, a lamp in the "
    "window, and a supper "
    "kept warm. {hero} knew that window. {they_capital} had been looking at it all {their} life.",
)

ARRIVAL = (
    "And so, on the {day} day, the road ended at a tall house without a single window. Over "
    "its door was written: "
    "the keeper of last pages."
)
CLOSING = (
    "The keeper let {hero} copy the page by candlelight and asked for nothing in return. The "
    "way home seemed half "
    "as long, as it always does. The first flakes were falling when {friend_name} saw the roofs of {town}. "
    "{hero} sat down at the bedside and told the whole tale about {topic}, from the first word to the last. "
    "The grandmother listened with her eyes closed, and she smiled, and she slept until "
    "morning, and by spring "
    "she was well again. From then on the tale was told to the end in {town}. And that is "
    "where this one ends, too."
)

SCENES = (
    Scene(
        "{day_capital} they came to a river, and the ferryman was asleep in his boat. {hero} "
        "called, and {friend_name} made a "
        "good deal of noise, but the man slept on. He had been rowing back and forth for forty "
        "years, and he was "
        "dreaming of standing still. {hero} did not have the heart to shake him. Instead {they} "
        "took the oars and rowed "
        "all three of them across, slowly, against the brown water. On the far side stood a "
        "farmer with nine sheep, so "
        "{they} rowed back with the sheep as well, and then for a doctor, and for a bride with a "
        "cake. When evening "
        "came, the ferryman woke, saw that the day's work was done, and wept with relief. He "
        "took a whistle from "
        "around his neck and gave it away, for he would not be needing it for a while.",
        "the ferryman's whistle",
        "The door had no handle and no bell. {hero} blew the ferryman's whistle, and from deep "
        "inside a voice called "
        "that it was coming, it was coming, there was no need to wake the whole river.",
    ),
    Scene(
        "{day_capital} the road led into a forest where every tree was humming. It was a "
        "pleasant sound at first. After an hour "
        "{hero} noticed that {they} had been walking in a circle, keeping time. {friend_name}, "
        "who had no ear for music, "
        "pulled in the other direction. There sat an old woman with a tuning fork, close to "
        "tears, because one single "
        "tree was out of tune and she could not find out which. They listened together until the "
        "stars came out. It was "
        "{hero} who found it: a young birch with a bird's nest in its throat. They moved the "
        "nest, very gently, to the "
        "oak next door. The whole forest sighed and settled into one chord. The old woman "
        "pressed the tuning fork into "
        "{hero}'s hand and told {them} to strike it whenever {they} lost the way.",
        "a tuning fork from the humming forest",
        "Inside, a hundred corridors looked just the same. {hero} struck the tuning fork, and "
        "only one corridor "
        "hummed in answer. They followed that one.",
    ),
    Scene(
        "{day_capital} they reached a village where it was forbidden to ask questions. Nobody "
        "could say why, since nobody was "
        "allowed to ask. {hero} needed directions, and thought about it for a while. Then {they} "
        "walked up to the "
        "baker and said that some people surely turned left at the well, but that wiser people "
        "turned right. The baker "
        "grew red and said that only a fool would turn right. By noon {hero} had learned the "
        "way, the price of a bed, "
        "and everything that was wrong with the mayor, all without one question. The mayor "
        "himself came to see who was "
        "talking so cleverly. He was so lonely for conversation that he gave {hero} his seal "
        "ring, which opens the "
        "mouth of anyone who would rather stay silent.",
        "the mayor's ring",
        "A doorkeeper sat there with his arms folded and said nothing at all. {hero} showed him "
        "the mayor's ring, and "
        "the man began to talk, and in the middle of all his talk was the number of the right room.",
    ),
    Scene(
        "{day_capital} it rained so hard that the road gave up and became a stream. They found "
        "shelter in a mill, and the miller had "
        "a strange trouble: his wheel turned backward, and it ground bread back into flour. His "
        "shelves were full and "
        "his neighbors were hungry. {hero} studied the wheel and the water and the old rusty "
        "gears, and {friend_name} "
        "studied the miller's lunch. In the end it was nothing but a bent pin, no longer than a "
        "thumb, that somebody "
        "had put in upside down a hundred years before. {hero} turned it around. The wheel "
        "groaned, thought it over, "
        "and began to turn the right way. The miller danced in the rain. He gave them a loaf "
        "that never goes stale, "
        "and the bent pin as a keepsake, because one never knows.",
        "a bent pin from the old mill",
        "The lock of that room was older than the house itself. {hero} tried the bent pin from "
        "the mill, and the lock "
        "gave a small satisfied click, as if it had been waiting for exactly that.",
    ),
    Scene(
        "{day_capital} they climbed a mountain, and near the top lived a giant who collected "
        "echoes. He kept them in jars, "
        "thousands of jars: thunder, laughter, a door closing in a house long gone. He was a "
        "gentle giant, but "
        "forgetful, and he could not find the echo of his own mother calling him to dinner. "
        "{hero} and {friend_name} "
        "opened jar after jar for half the night. They heard weddings and waterfalls and a "
        "thousand dogs. Just before "
        "dawn, in the smallest jar on the lowest shelf, a warm voice called a name. The giant "
        "sat down very quietly and "
        "listened to it until the sun rose. Then he gave {hero} an empty jar with a good lid, "
        "and said that it would "
        "hold any sound that was worth keeping.",
        "the giant's empty jar",
        "There the keeper of last pages began to read in a voice as thin as smoke, too faint for "
        "human ears. {hero} "
        "held the giant's jar under every word, closed the lid, and opened it again, and now the "
        "words were clear.",
    ),
    Scene(
        "{day_capital} a fair had been set up in the middle of an empty plain. There were stalls "
        "and music and colored lamps, and "
        "not one visitor. The people of the fair explained that they had been told to wait for "
        "the guests, and so they "
        "had waited, for eleven years, with the music playing. {hero} felt sorry for them and "
        "tried everything. {they_capital} rode "
        "the wooden horses, {they} lost at every game, and {they} ate something pink. "
        "{friend_name} won a prize for "
        "best in show, being the only one in the show. When night fell they were all laughing, "
        "and the oldest of them "
        "said that this was enough, and that now they could pack up and go home. In parting she "
        "gave {hero} one paper "
        "lantern that can't be blown out.",
        "a paper lantern from the fair",
        "A cold draft blew out every candle in the house. But the paper lantern from the fair "
        "only flickered, and went "
        "on shining.",
    ),
    Scene(
        "{day_capital} they met a general and his army, who had marched out to fight and lost "
        "their enemy. They had looked everywhere. "
        "The soldiers were tired and homesick, and their boots were full of sand. {hero} "
        "suggested that the war might "
        "be over. The general admitted that he had wondered about that himself, but that nobody "
        "had given the order. "
        "So {hero} climbed on a drum, and in the loudest voice {they} had, declared that peace "
        "had broken out. There "
        "was a long silence. Then somebody threw a helmet into the air, and somebody began to "
        "sing. The general shook "
        "{hero}'s hand for a full minute. He had no medal left to give, so he gave his word "
        "instead: three times, "
        "when {they} called, someone would come and help to carry.",
        "the word of a general",
        "The book was as heavy as a cartload of stones. {hero} remembered the general's word and "
        "called for help, and "
        "before the echo faded there were twenty homesick soldiers at the door, with their "
        "sleeves rolled up.",
    ),
    Scene(
        "{day_capital} the road crossed a field where an old scarecrow was guarding nothing at "
        "all. The farm was long gone, and so "
        "were the crows. Yet he stood straight, with his arms wide, and he asked politely "
        "whether he might be relieved. "
        "{hero} saw that the straw in his sleeves was nearly worn away. They sat with him "
        "through the evening and told "
        "him about the sea, which he had never seen, and about rain on a roof, which he had seen "
        "only from outside. "
        "{friend_name} slept against his wooden leg. In the morning {hero} lifted him down and "
        "set him under an apple "
        "tree with a view of the road. The scarecrow took off his hat and asked {them} to wear "
        "it, for it was a hat "
        "that made its wearer very easy to overlook.",
        "the scarecrow's hat",
        "A great dog lay across the landing with one eye open. {hero} put on the scarecrow's "
        "hat, and the dog looked "
        "straight through {them}, yawned, and went back to sleep.",
    ),
    Scene(
        "{day_capital} they walked along the shore and found a whale who could not remember how "
        "to sing. She lay in the shallow "
        "water, and her silence was as big as a church. {hero} sang to her everything {they} "
        "knew: lullabies, counting "
        "rhymes, a rude song about a tailor. Nothing helped. Then {friend_name} sneezed, and the "
        "whale began to shake, "
        "and it turned out that she was laughing. And while she laughed the song came back, low "
        "and long, so deep that "
        "the pebbles danced. Far away, out on the dark water, another voice answered. The whale "
        "thanked them and slid "
        "into the waves. Where she had been lay a smooth white stone that was always warm, as if "
        "it remembered the sun.",
        "a warm white stone from the shore",
        "The page was frozen to its shelf in a sheet of blue ice. {hero} laid the warm white "
        "stone beside it and "
        "waited, and drop by drop the winter let it go.",
    ),
    Scene(
        "{day_capital} they came to a bridge with a toll keeper who did not want money. Money, "
        "she said, was heavy, and everybody paid "
        "with it. She wanted a memory, a good one, told properly. {hero} thought of the first "
        "time that the whole town "
        "had skated on the river, with torches, and of the grandmother falling down and refusing "
        "to get up because the "
        "stars were so fine from there. {they_capital} told it slowly, with all the cold noses "
        "and the roasted chestnuts in it. The toll "
        "keeper closed her eyes. When it was over she wiped them, and said that it was too much, "
        "and that she owed "
        "change. And she counted into {hero}'s hand a single copper coin, which always comes "
        "back to the one who gives "
        "it away gladly.",
        "a copper coin from the bridge",
        "There was a fee for looking, said a little sign, and it was everything that one had. "
        "{hero} gladly gave the "
        "copper coin from the bridge, and everything was paid, and by the time {they} had turned "
        "around, the coin was "
        "back.",
    ),
)
