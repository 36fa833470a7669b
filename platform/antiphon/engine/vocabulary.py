"""The small words that show whether a sentence goes on, by language."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Vocabulary:
    """All in lower case, apostrophes as '."""

    never_last: frozenset[str] = frozenset()  # no sentence ends in it: articles, conjunctions, fillers
    seldom_last: frozenset[str] = (
        frozenset()
    )  # one may, but then a full stop is heard: prepositions, auxiliaries
    digits: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()  # what complete answers are made of
    farewells: tuple[str, ...] = ()  # what nothing follows

    @cached_property
    def all(self) -> frozenset[str]:
        return self.never_last | self.seldom_last | self.digits | self.answers


VOCABULARIES: Mapping[str, Vocabulary] = {
    "en": Vocabulary(
        never_last=_words(
            "a an the and or but because if although unless whereas than my your our their its every "
            "um uh uhm umm er erm hmm mm"
        ),
        seldom_last=_words(
            "of to for from with at by into about between in on per as which who whose when where while until "
            "since i we he she they is are was were be been very i'm i'll i'd i've that's there's we're let's "
            "want need double triple plus point dot dash"
        ),
        digits=_words("zero oh one two three four five six seven eight nine"),
        answers=_words(
            "yes yeah yep yup no nope nah okay ok sure right correct exactly absolutely definitely perfect great "
            "fine thanks thank you please hello hi bye goodbye stop cancel never mind"
        ),
        farewells=("thank you", "thanks", "goodbye", "bye", "that's all", "that is all", "that's it"),
    ),
    "de": Vocabulary(
        never_last=_words(
            "der dem den des einem einer eines und oder aber weil dass daß ob wenn obwohl sondern "
            "mein dein unser äh ähm öh hm hmm"
        ),
        seldom_last=_words(
            "die das ein eine einen kein keine meine meinen meinem meiner deine seine ihre unsere von zu zum zur "
            "für mit bei nach in im am um auf über unter ohne gegen bis seit als wie wo wer ich wir denn damit "
            "möchte hätte sehr komma punkt plus"
        ),
        digits=_words("null eins zwei zwo drei vier fünf sechs sieben acht neun"),
        answers=_words(
            "ja jawohl jo nein nee doch okay ok gut genau richtig klar gerne stimmt danke schön bitte sehr hallo "
            "tschüss wiedersehen auf stopp super perfekt"
        ),
        farewells=("danke", "danke schön", "vielen dank", "auf wiedersehen", "tschüss", "das war alles"),
    ),
    "es": Vocabulary(
        never_last=_words(
            "el la los las un y e o u pero porque aunque si que del al mi mis tu tus su sus eh em ehm"
        ),
        seldom_last=_words(
            "una unos unas de a en con por para sin sobre entre hasta desde hacia como cuando donde quien yo es "
            "son está están he ha tengo quiero quisiera muy se me le lo punto coma guion doble"
        ),
        digits=_words("cero uno dos tres cuatro cinco seis siete ocho nueve"),
        answers=_words(
            "sí si no vale bueno claro exacto correcto perfecto gracias muchas por favor hola adiós listo "
            "de acuerdo nada más"
        ),
        farewells=("gracias", "adiós", "nada más", "eso es todo"),
    ),
    "fr": Vocabulary(
        never_last=_words(
            "le la les l' des du au aux et ou mais parce que qu' car si lorsque puisque mon ma mes ton ta tes "
            "sa ses notre nos votre vos ce cet cette ces d' j' n' c' s' m' t' euh heu hum"
        ),
        seldom_last=_words(
            "un une de à en dans avec pour par sans sur sous chez entre vers jusqu'à depuis comme quand où qui "
            "dont je il ils on est sont suis ai as a ont avons avez voudrais très ne virgule point tiret"
        ),
        digits=_words("zéro un deux trois quatre cinq six sept huit neuf"),
        answers=_words(
            "oui ouais non si d'accord okay ok bien sûr exact exactement parfait voilà merci beaucoup s'il vous te "
            "plaît bonjour bonsoir salut au revoir"
        ),
        farewells=("merci", "merci beaucoup", "s'il vous plaît", "s'il te plaît", "au revoir", "c'est tout"),
    ),
    "it": Vocabulary(
        never_last=_words(
            "il lo la i gli le l' un un' e ed o od ma perché se che del dello della dei degli delle dell' al allo "
            "alla ai agli alle all' nel nello nella nei nelle nell' sul sulla dal dalla dell' ehm eh uhm beh"
        ),
        seldom_last=_words(
            "uno una mio mia tuo tua suo sua di a da in con su per tra fra senza verso fino come quando dove chi "
            "cui è sono ho ha vorrei non si mi ti ci virgola punto trattino doppio"
        ),
        digits=_words("zero uno due tre quattro cinque sei sette otto nove"),
        answers=_words(
            "sì si no certo bene va esatto giusto perfetto okay ok grazie mille tante per favore piacere prego "
            "ciao salve buongiorno arrivederci"
        ),
        farewells=("grazie", "grazie mille", "arrivederci", "ciao", "è tutto"),
    ),
}
