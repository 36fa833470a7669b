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
    seldom_last: frozenset[str] = frozenset()  # one may, but then a full stop is heard: prepositions, auxiliaries
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
            "of to for from with at by into about between without in on under over through per as that which who "
            "whose when where while so until since i we he she they you is are was were am be been has have had "
            "will would can could should must may might do does did not very really just also some any this "
            "these those i'm i'll i'd i've it's that's there's we're let's don't want need "
            "double triple plus point dot dash number hundred thousand"
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
            "der das dem den des ein eine einen einem einer eines und oder aber weil dass daß ob wenn obwohl "
            "damit sondern denn als mein meine meinen meinem meiner dein deine sein seine ihr ihre unser unsere "
            "kein keine keinen äh ähm öh hm hmm"
        ),
        seldom_last=_words(
            "die von zu zum zur für mit bei nach in im am um auf über unter durch ohne gegen wie wo wer ich wir du "
            "er sie es ist sind war bin habe haben hat hätte wird werden würde kann könnte möchte will soll muss "
            "nicht sehr auch noch so bis seit nummer komma punkt plus hundert tausend"
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
            "el la los las un una unos unas y e o u pero porque aunque si que del al mi mis tu tus su sus "
            "nuestro nuestra eh em ehm"
        ),
        seldom_last=_words(
            "de a en con por para sin sobre entre hasta desde hacia como cuando donde quien cual yo usted nosotros "
            "es son está están era fue ha he han hay tengo quiero quisiera puedo puede muy más no también ya se me "
            "le lo este esta ese esa número punto coma guion más doble"
        ),
        digits=_words("cero uno dos tres cuatro cinco seis siete ocho nueve"),
        answers=_words(
            "sí si no vale bueno claro exacto correcto perfecto gracias muchas por favor hola adiós vale listo "
            "de acuerdo nada más"
        ),
        farewells=("gracias", "muchas gracias", "adiós", "nada más", "eso es todo"),
    ),
    "fr": Vocabulary(
        never_last=_words(
            "le la les l' un une des du au aux et ou mais parce que qu' car si lorsque puisque mon ma mes ton ta "
            "tes son sa ses notre nos votre vos leur leurs ce cet cette ces d' j' n' c' s' m' t' euh heu hum"
        ),
        seldom_last=_words(
            "de à en dans avec pour par sans sur sous chez entre vers jusqu'à depuis comme quand où qui dont je tu "
            "il elle on nous vous ils elles est sont suis était ai as a ont avons avez veux voudrais peux peut très "
            "plus pas ne aussi déjà numéro virgule point tiret cent mille"
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
            "il lo la i gli le l' un uno una un' e ed o od ma perché se che del dello della dei degli delle dell' "
            "al allo alla ai agli alle all' nel nello nella nei nelle nell' sul sulla dal dalla dell' mio mia miei "
            "tuo tua suo sua nostro nostra vostro loro ehm eh uhm beh"
        ),
        seldom_last=_words(
            "di a da in con su per tra fra senza verso fino come quando dove chi cui io lei noi è sono era ho ha "
            "hai abbiamo hanno vorrei voglio posso può molto più non anche già si mi ti ci questo questa quello "
            "numero virgola punto trattino doppio"
        ),
        digits=_words("zero uno due tre quattro cinque sei sette otto nove"),
        answers=_words(
            "sì si no certo bene va esatto giusto perfetto okay ok grazie mille tante per favore piacere prego "
            "ciao salve buongiorno arrivederci"
        ),
        farewells=("grazie", "grazie mille", "arrivederci", "ciao", "è tutto"),
    ),
}
