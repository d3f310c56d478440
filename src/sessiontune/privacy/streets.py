"""Street addresses in English, German, French, Spanish, Italian, Dutch, Portuguese, Polish, the
Nordic languages, Chinese and Japanese.

A street is a number and a word for street, in the order of its language. It counts behind words for
an address or for living somewhere, under a key that says street, and in front of a postal code and a
town.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

from .pseudonym import inside_pseudonym
from .rules import NL, Direct, Rule, left_edge, pattern, quick

#: A capital, and any letter of a name: ASCII, UTF-8, or an escape of JSON.
_CAP = r"(?:[A-Z]|\xc3[\x80-\x9e]|\xc5[\x81-\xbd]|\\+u00[cd][0-9a-f])"
_LETTER = r"(?:[A-Za-z\x80-\xff'.-]|\\+u0[01][0-9a-f]{2})"
_NAME = rf"{_CAP}{_LETTER}{{1,24}}"
_NO = r"\d{1,4}(?: ?[A-Za-z]\b|[/-]\d{1,4}\b|-[IVX]{1,4}\b|/[A-Z]\b)?"

_ENGLISH = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Ter|"
    "Way|Parkway|Pkwy|Circle|Cir|Highway|Hwy|Close|Crescent|Grove|Mews|Gardens|Gate|Hill|Park|Row|Walk"
)
#: One pattern each, which is less work for Hyperscan than one for all: words in ASCII, words with
#: other letters, and words with escapes for them.
_GERMANIC_WORDS = (
    r"str\.|weg|platz|allee|gasse|damm|ufer|ring|berg|markt|chaussee|steig|promenade|gracht|straat|laan|"
    r"plein|kade|singel|dijk|dreef|gatan|torget|gata|gaten|veien|vej|gade|all\xc3\xa9|katu",
    r"stra(?:\xc3\x9f|ss)e|v\xc3\xa4gen|gr\xc3\xa4nd",
    r"stra\\+u00dfe|v\\+u00e4gen|gr\\+u00e4nd",
)
_GERMANIC = "|".join(_GERMANIC_WORDS)
_CAPITAL = (
    r"Str\.|Weg|Platz|Allee|Ring|Damm|Ufer",
    r"Stra(?:\xc3\x9f|ss)e",
    r"Stra\\+u00dfe",
)
_FRENCH = r"rue|avenue|av\.|boulevard|bd|chemin|place|all(?:\xc3\xa9|\\+u00e9)e|impasse|quai|cours|route|square|passage|sentier"
_PREFIX = (
    r"Calle|C/|Avda\.?|Avenida|Plaza|Paseo|Carrer|Ronda|Via|Viale|Corso|Piazza|Vicolo|Rua|Av\.|Travessa|"
    r"Alameda|Pra\xc3\xa7a|Estrada|ul\.|ulica|ulicy|al\.|aleja|os\.|pl\."
)
_SMALL = (
    r"(?:(?:de|del|della|dei|di|do|da|dos|das|la|las|los|el|lo|le|les|du|des|[A-Z]\.) |[dl]'){0,3}"
)
_AT = r"(?:Am|An der|Auf der|Auf dem|Im|In der|In den|Zum|Zur|Unter den)"

_ENGLISH_FORM = (
    rf"((?:(?:Flat|Unit|Apt\.?|Apartment) \d{{1,4}}[A-Za-z]?, )?\d{{1,5}}[A-Za-z]?(?:[/-]\d{{1,5}})?(?: [NSEW]{{1,2}}\.?)?(?: (?:{_NAME}|\d{{1,3}}(?:st|nd|rd|th))){{1,4}} (?:{_ENGLISH})\b\.?"
    r"(?:,? (?:[Aa]pt|[Ss]uite|[Uu]nit|[Ff]loor|#)\.? ?[A-Za-z0-9]{1,5}\b| ?#\d{1,5})?)"
)
_GERMANIC_FORM = (
    rf"((?:{_CAP}{_LETTER}{{2,30}}(?:{_GERMANIC})|(?:{_NAME}[ -]){{1,2}}(?:{'|'.join(_CAPITAL)})) {_NO}"
    r"(?: lgh \d{4}|, \d\. (?:tv|th|mf))?)"
)
_AT_FORM = rf"({_AT} (?:{_NAME} )?{_NAME} {_NO})"
_FRENCH_FORM = rf"(\d{{1,4}}(?: ?(?:bis|ter|quater|[A-D]))?,? (?:{_FRENCH}) {_SMALL}{_NAME}(?:[ -]{_SMALL}{_NAME}){{0,3}})"
_PREFIX_FORM = (
    rf"((?:{_PREFIX}) ?{_SMALL}{_NAME}(?: {_SMALL}{_NAME}){{0,3}},? (?:n\.?(?:\xc2[\xba\xb0])? ?)?{_NO}"
    r"(?:, ?\d{1,2}(?:\xc2\xba|\\+u00ba) ?(?:[A-Z]\b|Dto|Esq)?\.?)?)"
)
_BOX_FORM = r"((?i:P\.? ?O\.? ?Box) \d{2,6}\b|Postfach \d[\d ]{2,7}\d\b)"
_CHINESE_FORM = r"((?:[\xe3-\xe9][\x80-\xbf]{2}){2,24}\d{1,5}\xe5\x8f\xb7|(?:\\+u[4-9][0-9a-f]{3}){2,24}\d{1,5}\\+u53f7)"
_JAPANESE_FORM = r"((?:[\xe3-\xe9][\x80-\xbf]{2}){2,24}\d{1,4}-\d{1,4}(?:-\d{1,4})?|(?:\\+u[3-9][0-9a-f]{3}){2,24}\d{1,4}-\d{1,4}(?:-\d{1,4})?)"
#: `神南1丁目19番11号`, also with digits as wide as other signs.
_WIDE = r"(?:\d|\xef\xbc[\x90-\x99]){1,4}"
_BLOCK = r"\xe4\xb8\x81\xe7\x9b\xae"
_JAPANESE_BLOCK = rf"((?:[\xe3-\xe9][\x80-\xbf]{{2}}){{2,24}}{_WIDE}{_BLOCK}{_WIDE}\xe7\x95\xaa(?:\xe5\x9c\xb0)?(?:\xe3\x81\xae?{_WIDE})?(?:\xe5\x8f\xb7)?)"
#: `ул. Ленина, д. 12, кв. 3`: the abbreviation for street is the sign, `дом` or a number ends it.
_RUSSIAN_WORDS = r"(?:\xd1\x83\xd0\xbb\.|\xd1\x83\xd0\xbb\xd0\xb8\xd1\x86\xd0\xb0|\xd0\xbf\xd1\x80\xd0\xbe\xd1\x81\xd0\xbf\xd0\xb5\xd0\xba\xd1\x82|\xd0\xbf\xd1\x80-\xd1\x82|\xd0\xbf\xd0\xb5\xd1\x80\.|\xd0\xb1\xd1\x83\xd0\xbb\xd1\x8c\xd0\xb2\xd0\xb0\xd1\x80)"
_RUSSIAN_FORM = rf"({_RUSSIAN_WORDS} ?(?:[\xd0\xd1][\x80-\xbf]|[ -]){{3,40}}, ?(?:\xd0\xb4(?:\xd0\xbe\xd0\xbc|\.) ?)?\d{{1,4}}(?:/\d{{1,4}})?(?:, ?\xd0\xba\xd0\xb2\. ?\d{{1,4}})?)"
#: `서울특별시 강남구 테헤란로 12`: the words for road and way.
_KOREAN_FORM = r"((?:(?:[\xea-\xed][\x80-\xbf]{2}){2,8} ){1,4}(?:[\xea-\xed][\x80-\xbf]{2}){1,8}(?:\xeb\xa1\x9c|\xea\xb8\xb8) ?\d{1,4}(?:-\d{1,3})?)"
_TURKISH_WORDS = r"(?:Caddesi|Cad\.|Soka(?:k|\xc4\x9f\xc4\xb1)|Sok\.|Bulvar\xc4\xb1|Mahallesi)"
_TURKISH_FORM = rf"((?:[A-Z\xc3-\xc5]{_LETTER}{{1,24}} ){{1,3}}{_TURKISH_WORDS},? (?:(?:No|no|NO)[:.]? ?)?{_NO})"
#: Prefecture, city, ward, town: what a Japanese address is made of.
_WARD = r"(?:\xe5\x8c\xba|\xe5\xb8\x82|\xe7\x94\xba|\xe7\x9c\x8c|\xe4\xb8\x81\xe7\x9b\xae)(?:[\xe3-\xe9][\x80-\xbf]{2}){0,6}"
_WARD_ESCAPED = r"\\u(?:533a|5e02|753a|770c|76ee)(?:\\+u[3-9][0-9a-f]{3}){0,6}"

#: A postal code and a town behind a street: they prove that it is one, and are replaced with it.
_TOWN = rf"{_CAP}{_LETTER}{{1,24}}(?: {_CAP}{_LETTER}{{1,24}}){{0,2}}"
_POSTAL = (
    rf"(?:(?:\\*,)?(?:{NL}|[ ])|,)[ ]{{0,2}}(?:(?:[A-Z]{{1,2}}-)?\d{{4,5}},? {_TOWN}|\d{{4}} ?[A-Z]{{2}},? {_TOWN}|\d{{2}}-\d{{3}} {_TOWN}|\d{{3}} \d{{2}} {_TOWN}|\d{{4}}-\d{{3}} {_TOWN}|(?:- )?\d{{5}}-\d{{3}},? {_TOWN}|"
    rf"{_TOWN},? [A-Z]{{2,3}},? \d{{4,5}}(?:-\d{{4}})?\b|{_TOWN},? [A-Z]{{1,2}}\d{{1,2}}[A-Z]? ?\d[A-Z]{{2}}\b|{_TOWN}(?: - [A-Z]{{2}},)? \d{{4,5}}-\d{{3}}\b)"
)

_WORDS = pattern(
    r"(?i)address|street|(?:\b|\\n)add?r\b|anschrift|adress|stra(?:\xc3\x9f|ss)e|direcci|domicilio|indirizzo|residen|\badres|endere|morada|"
    r"ship(?:ping|ped)? ?(?:(?:it|this|them) )?to|bill(?:ing)? ?to|deliver(?:ed|y)? (?:it )?to|\blives?\b|living (?:at|in)|moved to|mailing|home is|located at|"
    r"office (?:is )?(?:at|in)|house (?:is )?(?:at|in)|wohn|haus in|habit[eo]|viv[oe] en|abit[oa] |woon|mor[oa] n|mieszka|\bbor p|lieferung|"
    r"line_?1|headquarter|impressum|\xe4\xbd\x8f|\xe5\x9c\xb0\xe5\x9d\x80|\xd0[\x90\xb0]\xd0\xb4\xd1\x80\xd0\xb5\xd1\x81|\xd0\xb6\xd0\xb8\xd0\xb2|\xec\xa3\xbc\xec\x86\x8c|\xeb\xb0\xb0\xec\x86\xa1|\xec\x82\xb4"
)
#: How far before a street words for an address count, in bytes.
_REACH = 110
#: Streets of examples, and those of publishers in their licences.
_MADE_UP = pattern(
    r"(?:1|12|123|1234|12345|100|111|42|456|999) (?:Main|Example|Test|Sample|Fake|Any|Elm|Oak|Some|Foo|Broadway|Random|First|Second)\b"
    r"|500 Oracle Parkway|4150 Network Circle|10 Downing St|675 Mass(?:achusetts)? Ave(?:nue)?,? Cambridge|(?:51 Franklin St|59 Temple P|171 Second St|444 Castro St|543 Howard St)(?:reet|lace)?(?:,| -)? +(?:Fifth|5th|Suite)"
    r"|742 Evergreen|221B Baker|1600 (?:Penn|Amphi)|(?:Muster|Beispiel|Test)\w*stra"
)


def _around(form: str, back: int, ahead: int) -> Direct:
    """A `direct` that finds a street of this form at the end of an anchor's hit, at most `back` bytes
    before it and `ahead` bytes behind it."""

    def find(data: bytes, end: int) -> list[tuple[int, int]]:
        low, high = max(0, end - back), min(len(data), end + ahead)
        while (match := pattern(form).search(data, low, high)) is not None:
            start, stop = match.span(1)
            if start >= end:
                break
            if stop >= end - 1 and left_edge(data, start) and data[start - 1 : start] not in _BAD:
                return _told(data, start, stop)
            low = start + 1
        return []

    return find


_BAD = (b".", b"_", b"$", b"#", b"@")


def _told(data: bytes, start: int, stop: int) -> list[tuple[int, int]]:
    """The street, with postal code and town, if its surroundings say that it is an address."""
    if _MADE_UP.match(data, start, min(len(data), start + 40)):
        return []
    if data[stop : stop + 1] in (b"_", b"%", b"(") or data[stop : stop + 2] == b"px":
        return []
    town = pattern(_POSTAL).match(data, stop, min(len(data), stop + 90))
    if town is None and not _said_before(data, start):
        return []
    return [(start, town.end() if town else stop)]


def _said_before(data: bytes, start: int) -> bool:
    """True where a word before the street says that it is an address. A word in a pseudonym does not
    count: otherwise a second redaction would find what the first one left."""
    return _words_in(data, max(0, start - _REACH), start) or _head_says(data, start)


def _words_in(data: bytes, low: int, high: int) -> bool:
    words = _WORDS.finditer(data, low, high)
    return any(not inside_pseudonym(data, *word.span()) for word in words)


#: Marks between the cells of a row; and how far above a row the table's head may stand, in bytes.
_CELLS = (b"|", b"\t", b",")
_ROWS = 4000


def _head_says(data: bytes, start: int) -> bool:
    """True where the street stands in a row of a table whose head says address."""
    line = data.rfind(b"\n", max(0, start - 300), start) + 1
    mark = next((mark for mark in _CELLS if mark in data[line:start]), None)
    if mark is None or not line:
        return False
    floor, head, end = max(0, line - _ROWS), line, line
    while head > floor:
        above = data.rfind(b"\n", floor, head - 1) + 1 or floor
        if mark not in data[above:head]:
            break
        head, end = above, head
    return head < line and _words_in(data, head, end)


_KEYS = (
    r"(?:street(?:[_-]?(?:address|name|line[_-]?[12]?|[12]))?|stra(?:\xc3\x9f|ss)e|address[_-]?(?:line[_-]?)?[12]|line_?1|"
    r"direcci(?:o|\xc3\xb3)n|indirizzo|endere(?:c|\xc3\xa7)o|calle|adres|adress)"
)
_GAP = r"(?:\\*[\"'])?[ \t]{0,2}(?::|=>?)[ \t]{0,2}(?:\\*[\"'])|>|: "
_VALUE = rf"((?:\d{{1,5}}[A-Za-z]?,? )?(?:[a-z]{{1,4}}\.? ){{0,3}}{_CAP}[^\"\\\n<>{{}}()\[\]$=;|]{{2,80}})"
_NUMBER = quick(r"(?:\A|[ ,./-])\d{1,5}[A-Za-z]?(?:[ ,/-]|\Z)")


#: The label of a field, in a translation: `"address1": "Adress 1"`.
_LABEL = quick(
    r"(?i)(?:addr?ess\w{0,4}|indirizzo|direcci\S{1,2}n|endere\S{1,2}o|adres\w{0,2}|line|linea|ligne|zeile) ?\d\Z"
)


def _keyed(data: bytes, match: Any) -> tuple[int, int] | None:
    """The street under a key that says so: capitalised words with a number."""
    value = match.group(1).rstrip(b" ,.'")
    start = match.start(1)
    if not _NUMBER.search(value, 0, 90) or _MADE_UP.match(value) or value.count(b" ") > 9:
        return None
    if _LABEL.match(value, 0, len(value)):
        return None
    if len(set(value)) < 5 or not any(c >= 97 for c in value):
        return None
    return start, start + len(value)


def _rule(anchor: str, form: str, back: int, ahead: int, faster: tuple[str, ...] = ()) -> Rule:
    return Rule(
        "street-address",
        anchor,
        direct=_around(form, back, ahead),
        rank=1,
        faster=faster,
    )


_GERMANIC_ANCHORS = tuple(
    rf"(?:{words}|{capital}) \d" for words, capital in zip(_GERMANIC_WORDS, _CAPITAL, strict=True)
)

RULES: tuple[Rule, ...] = (
    _rule(rf"[a-z0-9.] (?:{_ENGLISH})\b", _ENGLISH_FORM, 100, 16),
    _rule("|".join(_GERMANIC_ANCHORS), _GERMANIC_FORM, 70, 20, _GERMANIC_ANCHORS),
    _rule(rf"\b{_AT} (?:{_CAP}[a-z\x80-\xff]+ )?{_CAP}[a-z\x80-\xff]+ \d", _AT_FORM, 60, 10),
    _rule(rf"(?:\d|bis|ter|\d ?[A-D]),? (?:{_FRENCH}) [A-Za-z\xc3]", _FRENCH_FORM, 36, 70),
    _rule(rf"(?:^|[^A-Za-z0-9_.$/]|\\[nrt])(?:{_PREFIX}) [A-Za-z\xc3\xc5]", _PREFIX_FORM, 16, 80),
    _rule(r"(?i:p\.? ?o\.? ?box) \d\d|Postfach \d\d", _BOX_FORM, 20, 8),
    _rule(
        r"(?:\xe8\xb7\xaf|\xe8\xa1\x97|\xe5\xb7\xb7|\xe5\xbc\x84|\xe9\x81\x93)\d{1,5}\xe5\x8f\xb7|\\u(?:8def|8857|5df7|5f04|9053)\d{1,5}\\+u53f7",
        _CHINESE_FORM,
        170,
        0,
    ),
    _rule(r"(?:\xeb\xa1\x9c|\xea\xb8\xb8) ?\d", _KOREAN_FORM, 150, 10),
    _rule(rf"{_TURKISH_WORDS},? (?:(?:No|no|NO)[:.]? ?)?\d", _TURKISH_FORM, 100, 12),
    _rule(
        rf"{_RUSSIAN_WORDS} ?(?:[\xd0\xd1][\x80-\xbf]|[ -]){{3,40}}, ?(?:\xd0\xb4(?:\xd0\xbe\xd0\xbc|\.) ?)?\d",
        _RUSSIAN_FORM,
        110,
        20,
    ),
    _rule(rf"(?:{_WARD}|{_WARD_ESCAPED})\d{{1,4}}-\d", _JAPANESE_FORM, 170, 12),
    _rule(rf"{_BLOCK}{_WIDE}\xe7\x95\xaa", _JAPANESE_BLOCK, 170, 40),
    Rule(
        "street-address",
        rf"(?i){_KEYS}(?:{_GAP})[^\"'\\\s<>{{}}()]{{2}}",
        rf"(?i:{_KEYS})(?:{_GAP}){_VALUE}",
        _keyed,
        window=(48, 100),
        rank=1,
    ),
)
